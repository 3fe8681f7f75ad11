"""How somebody does on hidden gold: a rolling score, and who is paused by it.

The score is the share right among a person's last 20 gold answers (`gold_window`), each counting
the same: a plain window, since a maintainer can recount it and a person can be told it in one
sentence. Answers that were taken back, answers on withdrawn frames and answers from before
`people.judged_from` do not count. Nobody is judged by fewer than `gold_min_answers`.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from annot_server.config import Config
from annot_server.database import core
from annot_server.models import GoldAnswer, GoldFrame, Person
from annot_server.pauses import pause


@dataclass(frozen=True, slots=True)
class Result:
    """One gold answer: `is_visible` says what is known, `distance` is a fraction of the diagonal.

    `distance` is None unless both the person and the gold frame have a point.
    """

    is_right: bool
    is_visible: bool
    distance: float | None


@dataclass(frozen=True, slots=True)
class Score:
    """What some gold answers say together; shares are 0..1, None where nothing can be said.

    Attributes:
        n: gold answers.
        share_right: how many of them are right.
        distance: median distance of the clicks from the known points, fraction of the diagonal.
        n_not_visible: how many of the frames do not show their action.
        not_visible_right: how many of those were answered "not visible".
    """

    n: int
    share_right: float | None
    distance: float | None
    n_not_visible: int
    not_visible_right: float | None


# Built once, as all statements of the busiest requests.
LAST_RESULTS = (
    select(GoldAnswer.is_right, GoldFrame.x.is_not(None), GoldAnswer.distance)
    .join(GoldFrame, GoldFrame.frame_id == GoldAnswer.frame_id)
    .join(Person, Person.id == GoldAnswer.person_id)
    .where(
        GoldAnswer.person_id == bindparam("person_id"),
        GoldAnswer.superseded_at.is_(None),
        GoldFrame.withdrawn_at.is_(None),
        or_(Person.judged_from.is_(None), GoldAnswer.created_at >= Person.judged_from),
    )
    .order_by(GoldAnswer.id.desc())
    .limit(bindparam("n"))
)


def score_of(results: Sequence[Result]) -> Score:
    """Sum up gold answers.

    >>> score_of([Result(True, True, 0.02), Result(False, True, 0.3), Result(True, False, None)])
    Score(n=3, share_right=0.667, distance=0.16, n_not_visible=1, not_visible_right=1.0)
    """
    hidden = [result.is_right for result in results if not result.is_visible]
    distances = [result.distance for result in results if result.distance is not None]
    return Score(
        n=len(results),
        share_right=_share([result.is_right for result in results]),
        distance=round(statistics.median(distances), 6) if distances else None,
        n_not_visible=len(hidden),
        not_visible_right=_share(hidden),
    )


def is_too_low(score: Score, *, min_answers: int, min_share: float) -> bool:
    """Say whether a score is low enough, and known well enough, to pause somebody.

    >>> is_too_low(score_of([Result(False, True, None)] * 9), min_answers=10, min_share=0.6)
    False
    >>> is_too_low(score_of([Result(False, True, None)] * 10), min_answers=10, min_share=0.6)
    True
    """
    if score.share_right is None or score.n < min_answers:
        return False
    return score.share_right < min_share


def rolling_score(session: Session, person_id: int, window: int) -> Score:
    """Return a person's score over their last `window` gold answers."""
    rows = core(session).execute(LAST_RESULTS, {"person_id": person_id, "n": window})
    return score_of([Result(*row) for row in rows])


def judge(session: Session, *, person_id: int, config: Config, now: datetime) -> bool:
    """Pause a person whose score has fallen too low; return whether that happened.

    The caller holds the person's lock, and asks for annotators only: reviewers and maintainers, who
    know the answers' purpose, are never paused by it.
    """
    score = rolling_score(session, person_id, config.gold_window)
    if not is_too_low(score, min_answers=config.gold_min_answers, min_share=config.gold_min_share):
        return False
    n_right = round((score.share_right or 0) * score.n)
    reason = f"{n_right} of the last {score.n} answers on hidden gold frames were right"
    return pause(session, person_id=person_id, reason=reason, now=now)


def _share(truths: Sequence[bool]) -> float | None:
    return round(sum(truths) / len(truths), 3) if truths else None
