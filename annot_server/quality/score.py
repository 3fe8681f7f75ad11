"""How somebody does on hidden gold: a rolling score, and who is paused by it.

The score is the share right among a person's last 20 responses to gold (`gold_window`), each
counting the same: a plain window, since a maintainer can recount it and a person can be told it in
one sentence. One skip in ten is left out, for images that do not load; further skips are not right,
or who skips whatever takes thought would never be judged. What was taken back, responses to
withdrawn frames and those from before `people.judged_from` do not count. Nobody is judged by fewer
than `gold_min_answers`.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, false, null, or_, select, true, union_all
from sqlalchemy.orm import Session

from annot_server.config import Config
from annot_server.database import core
from annot_server.models import GoldAnswer, GoldFrame, Person, Skip
from annot_server.pauses import pause

FREE_SKIP_IN = 10
"""Of so many responses to gold one may be a skip that costs nothing."""


@dataclass(frozen=True, slots=True)
class Result:
    """One response to gold: `is_visible` says what is known of the frame.

    `distance` is a fraction of the diagonal, None unless both the person and the gold frame have a
    point.
    """

    is_right: bool
    is_visible: bool
    distance: float | None
    is_skip: bool = False


@dataclass(frozen=True, slots=True)
class Score:
    """What some responses to gold say together; shares are 0..1, None where nothing can be said.

    Attributes:
        n: responses, answers and skips.
        n_skipped: how many of them are skips.
        share_right: how many are right, the free skips left out.
        distance: median distance of the clicks from the known points, fraction of the diagonal.
        n_not_visible: how many of the answered frames do not show their action.
        not_visible_right: how many of those were answered "not visible".
    """

    n: int
    n_skipped: int
    share_right: float | None
    distance: float | None
    n_not_visible: int
    not_visible_right: float | None


# Built once, as all statements of the busiest requests.
IS_KNOWN_VISIBLE = GoldFrame.x.is_not(None).label("is_visible")
ANSWERS = (
    select(GoldAnswer.person_id, GoldAnswer.id, GoldAnswer.created_at, GoldAnswer.is_right)
    .add_columns(IS_KNOWN_VISIBLE, GoldAnswer.distance, false().label("is_skip"))
    .join(GoldFrame, GoldFrame.frame_id == GoldAnswer.frame_id)
    .where(GoldAnswer.superseded_at.is_(None), GoldFrame.withdrawn_at.is_(None))
)
SKIPS = (
    select(Skip.person_id, Skip.id, Skip.created_at, false())
    .add_columns(IS_KNOWN_VISIBLE, null(), true())
    .join(GoldFrame, GoldFrame.frame_id == Skip.frame_id)
    .where(Skip.undone_at.is_(None), GoldFrame.withdrawn_at.is_(None))
    # Said twice, so that SQLite looks up each gold frame and does not walk over all skips.
    .where(Skip.frame_id.in_(select(GoldFrame.frame_id)))
)
RESPONSES = union_all(ANSWERS, SKIPS).subquery()
RESULTS = (
    select(RESPONSES.c.is_right, RESPONSES.c.is_visible, RESPONSES.c.distance, RESPONSES.c.is_skip)
    .join(Person, Person.id == RESPONSES.c.person_id)
    .where(or_(Person.judged_from.is_(None), RESPONSES.c.created_at >= Person.judged_from))
    .order_by(RESPONSES.c.created_at.desc(), RESPONSES.c.id.desc())
)
"""Everybody's responses to gold that count, as `Result`s, the newest first."""
LAST_RESULTS = RESULTS.where(RESPONSES.c.person_id == bindparam("person_id")).limit(bindparam("n"))


def score_of(results: Sequence[Result]) -> Score:
    """Sum up responses to gold.

    >>> score_of([Result(True, True, 0.02), Result(False, True, 0.3), Result(True, False, None)])
    ... # doctest: +NORMALIZE_WHITESPACE
    Score(n=3, n_skipped=0, share_right=0.667, distance=0.16, n_not_visible=1,
          not_visible_right=1.0)
    """
    answers = [result for result in results if not result.is_skip]
    n_skipped = len(results) - len(answers)
    n_free = min(n_skipped, len(results) // FREE_SKIP_IN)
    hidden = [answer.is_right for answer in answers if not answer.is_visible]
    distances = [answer.distance for answer in answers if answer.distance is not None]
    return Score(
        n=len(results),
        n_skipped=n_skipped,
        share_right=_share([a.is_right for a in answers] + [False] * (n_skipped - n_free)),
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
    """Return a person's score over their last `window` responses to gold."""
    return score_of(last_results(session, person_id, window))


def last_results(session: Session, person_id: int, window: int) -> list[Result]:
    """Return a person's last responses to gold that count, the newest first."""
    rows = core(session).execute(LAST_RESULTS, {"person_id": person_id, "n": window})
    return [Result(*row) for row in rows]


def judge(session: Session, *, person_id: int, config: Config, now: datetime) -> bool:
    """Pause a person whose score has fallen too low; return whether that happened.

    The caller holds the person's lock, and asks for annotators only: reviewers and maintainers, who
    know the answers' purpose, are never paused by it.
    """
    results = last_results(session, person_id, config.gold_window)
    score = score_of(results)
    if not is_too_low(score, min_answers=config.gold_min_answers, min_share=config.gold_min_share):
        return False
    n_right = sum(result.is_right for result in results)
    reason = f"{n_right} of the last {score.n} answers on hidden gold frames were right"
    if score.n_skipped:
        reason = (
            f"{n_right} of the last {score.n} hidden gold frames were answered right, "
            f"{score.n_skipped} were skipped"
        )
    return pause(session, person_id=person_id, reason=reason, now=now)


def _share(truths: Sequence[bool]) -> float | None:
    return round(sum(truths) / len(truths), 3) if truths else None
