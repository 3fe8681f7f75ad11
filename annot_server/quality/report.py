"""How each person does, in one table: `people_report(session, window=...) -> list[PersonReport]`.

One pass over all active answers, in numpy: about 0.3 s for 135,000 answers, so a page that shows it
keeps it for a while. Gold figures are over all of a person's gold answers that count, `score` over
the last `window` answers and skips (see `score`). Distances are fractions of the frame's diagonal,
times are milliseconds, shares are 0..1; None stands where there is nothing to say it from.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Executable, func, select
from sqlalchemy.orm import Session

from annot_server.models import (
    ANSWER_IS_ACTIVE,
    MODEL,
    Answer,
    Clip,
    Frame,
    Person,
    Skip,
    Video,
)
from annot_server.quality.score import RESPONSES, RESULTS, Result, score_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PersonReport:
    """One person's row.

    Attributes:
        person_id: who; `name`, `role` as they are now.
        paused_at: None for those who are not; `paused_reason` with it.
        answers: active answers that count.
        clicks: those of them that are points.
        not_visible: share of the answers that say "not visible".
        skips: frames passed on, gold not among them.
        median_ms: median time per answer, of those whose time the page told.
        gold_answers: hidden gold answers that count.
        gold_right: share of them that is right.
        gold_distance: median distance of clicks from the known point.
        not_visible_right: share of gold frames without the action that were answered so.
        gold_skips: hidden gold frames passed on.
        score: share right among the last ones, but for one skip in ten.
        agreement_distance: median distance of the person's clicks from the others' clicks on the
            same retired frames.
        shared_frames: retired frames that the person and at least one other have clicked.
    """

    person_id: int
    name: str
    role: str
    paused_at: datetime | None
    paused_reason: str | None
    answers: int
    clicks: int
    not_visible: float | None
    skips: int
    median_ms: float | None
    gold_answers: int
    gold_right: float | None
    gold_distance: float | None
    not_visible_right: float | None
    gold_skips: int
    score: float | None
    agreement_distance: float | None
    shared_frames: int

    def to_json(self) -> dict[str, Any]:
        """Return the record as plain values."""
        paused_at = self.paused_at and self.paused_at.isoformat()
        return {**asdict(self), "paused_at": paused_at}


@dataclass(frozen=True, slots=True)
class _Answers:
    """All active answers as columns; `x` and `y` are NaN for "not visible", `ms` where untold."""

    frame: Ints
    person: Ints
    x: Floats
    y: Floats
    ms: Floats


def people_report(session: Session, *, window: int) -> list[PersonReport]:
    """Return a row for everybody but models, by name.

    Args:
        session: reads.
        window: how many responses to gold the rolling score looks at (`config.gold_window`).
    """
    answers = _read_answers(session)
    agreement = _agreement(session, answers)
    gold = _gold_results(session)
    skips = {
        person_id: n
        for person_id, n in session.execute(
            select(Skip.person_id, func.count())
            .join(Frame, Frame.id == Skip.frame_id)
            .join(Clip, Clip.clip_id == Frame.clip_id)
            .where(Skip.undone_at.is_(None), Clip.is_gold.is_(False))
            .group_by(Skip.person_id)
        )
    }
    by_person = _rows_by_value(answers.person)
    people = session.execute(
        select(Person.id, Person.name, Person.role, Person.paused_at, Person.paused_reason)
        .where(Person.role != MODEL)
        .order_by(Person.name)
    )
    reports = []
    for person in people:
        rows = by_person.get(person.id, np.zeros(0, np.int64))
        n_clicks = int(np.count_nonzero(~np.isnan(answers.x[rows])))
        overall = score_of([result for result in gold[person.id] if not result.is_skip])
        n_shared, distance = agreement.get(person.id, (0, None))
        reports.append(
            PersonReport(
                person_id=person.id,
                name=person.name,
                role=person.role,
                paused_at=person.paused_at,
                paused_reason=person.paused_reason,
                answers=len(rows),
                clicks=n_clicks,
                not_visible=round(1 - n_clicks / len(rows), 3) if len(rows) else None,
                skips=skips.get(person.id, 0),
                median_ms=_median(answers.ms[rows]),
                gold_answers=overall.n,
                gold_right=overall.share_right,
                gold_distance=overall.distance,
                not_visible_right=overall.not_visible_right,
                gold_skips=len(gold[person.id]) - overall.n,
                score=score_of(gold[person.id][:window]).share_right,
                agreement_distance=distance,
                shared_frames=n_shared,
            )
        )
    return reports


def pair_distances(
    person: Ints, frame: Ints, x: Floats, y: Floats, aspect: Floats
) -> tuple[Ints, Ints, Floats]:
    """Return the distances between the clicks of different people on the same frames.

    Args:
        person: who clicked, (n,).
        frame: on which frame, (n,), sorted.
        x: fractions of the width, (n,).
        y: fractions of the height, (n,).
        aspect: width / height of the click's frame, (n,).

    Returns:
        Person, frame and distance (fraction of the diagonal) of every ordered pair: a pair of
        clicks is there twice, once for each of its two people.
    """
    diagonal = np.hypot(aspect, 1)
    across, down = x * aspect / diagonal, y / diagonal
    found: list[tuple[Ints, Ints, Floats]] = []
    ahead = 1
    while True:  # the neighbours one ahead, then two, until no frame has as many clicks
        first = np.flatnonzero(frame[ahead:] == frame[:-ahead])
        if not len(first):
            break
        second = first + ahead
        away = np.hypot(across[first] - across[second], down[first] - down[second])
        found += [(person[i], frame[i], away) for i in (first, second)]
        ahead += 1
    if not found:
        empty = np.zeros(0, np.int64)
        return empty, empty, np.zeros(0)
    people, frames, distances = zip(*found, strict=True)
    return np.concatenate(people), np.concatenate(frames), np.concatenate(distances)


def _agreement(session: Session, answers: _Answers) -> dict[int, tuple[int, float | None]]:
    """Return of each person how many retired frames they share, and the median distance there."""
    rows = _raw_rows(
        session,
        select(Frame.id, Video.width, Video.height)
        .join(Clip, Clip.clip_id == Frame.clip_id)
        .join(Video, Video.video_id == Clip.video_id)
        .where(Frame.retired_at.is_not(None))
        .order_by(Frame.id),
    )
    if not rows:
        return {}
    retired = np.array(rows, np.int64)
    at = np.searchsorted(retired[:, 0], answers.frame).clip(max=len(retired) - 1)
    counts = (retired[at, 0] == answers.frame) & ~np.isnan(answers.x)
    aspect = retired[at, 1] / retired[at, 2]
    person, frame, away = pair_distances(
        person=answers.person[counts],
        frame=answers.frame[counts],
        x=answers.x[counts],
        y=answers.y[counts],
        aspect=aspect[counts],
    )
    return {
        person_id: (len(np.unique(frame[rows_of])), _median(away[rows_of]))
        for person_id, rows_of in _rows_by_value(person).items()
    }


def _read_answers(session: Session) -> _Answers:
    """Read all active answers, sorted by frame."""
    rows = _raw_rows(
        session,
        select(Answer.frame_id, Answer.person_id, Answer.x, Answer.y, Answer.ms_taken)
        .where(ANSWER_IS_ACTIVE)
        .order_by(Answer.frame_id),
    )
    table = np.array(rows, np.float64).reshape(len(rows), 5)  # None becomes NaN
    return _Answers(
        table[:, 0].astype(np.int64),
        table[:, 1].astype(np.int64),
        table[:, 2],
        table[:, 3],
        table[:, 4],
    )


def _raw_rows(session: Session, query: Executable) -> list[tuple[Any, ...]]:
    """Return the driver's own rows: SQLAlchemy's take longer to make than the query takes."""
    cursor = session.connection().execute(query).cursor
    return list(cursor.fetchall()) if cursor else []


def _gold_results(session: Session) -> dict[int, list[Result]]:
    """Return everybody's responses to gold that count, the newest first."""
    results: dict[int, list[Result]] = defaultdict(list)
    for *result, person_id in session.execute(RESULTS.add_columns(RESPONSES.c.person_id)):
        results[person_id].append(Result(*result))
    return results


def _rows_by_value(values: Ints) -> dict[int, Ints]:
    """Return where each value stands."""
    if not len(values):
        return {}
    order = np.argsort(values, kind="stable")
    found, starts = np.unique(values[order], return_index=True)
    return dict(zip(found.tolist(), np.split(order, starts[1:]), strict=True))


def _median(values: Floats) -> float | None:
    told = values[~np.isnan(values)]
    return round(float(np.median(told)), 6) if len(told) else None
