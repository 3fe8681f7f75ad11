"""Figures over all answers, which take too long for a page once there are many of them.

Of a small project they are counted when somebody looks. Of a larger one the worker counts them and
keeps them as a job, and who shows them says when that was: it counts anew when something has
changed, at most every `EVERY_S` seconds, or when somebody asks.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from annot_server.audit import audit
from annot_server.jobs import FIGURES, JobView, enqueue_again, jobs_of
from annot_server.models import ANSWER_IS_ACTIVE, ASSISTED, BLIND, Answer, AuditEntry
from annot_server.quality.report import people_report

EVERY_S = 300
SMALL = 2_500
"""Counting fewer active answers takes some 40 ms."""
FOLLOWED = 0.03
"""A click this near its hint (fraction of the diagonal) followed it; the hint's ring is as wide."""

WHO = frozenset({"name", "role", "paused_at", "paused_reason"})
"""Not kept with the figures: pages read these where they stand, so that forgetting takes all."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The newest figures, when they were counted, and whether they are being counted anew.

    `people` are rows of the quality report by `person_id`, without who they are.
    """

    counted_at: datetime | None
    is_waiting: bool
    people: list[dict[str, Any]]
    audit: dict[str, int] | None
    hints: dict[str, Any] | None


def count_figures(session: Session, *, window: int) -> dict[str, Any]:
    """Count everything; `window` is the quality report's."""
    seen = state_of(session)
    hints = hint_figures(session)
    people = [
        {
            **{name: figure for name, figure in row.to_json().items() if name not in WHO},
            "hints": hints["people"].get(row.person_id),
        }
        for row in people_report(session, window=window)
    ]
    return {
        "seen": seen,
        "people": people,
        "audit": audit(session).to_json(),
        "hints": hints["all"],
    }


def state_of(session: Session) -> list[int]:
    """Return numbers that change whenever an answer or anything in the audit log is added."""
    return [
        session.scalar(select(func.max(Answer.id))) or 0,
        session.scalar(select(func.max(AuditEntry.id))) or 0,
    ]


def hint_figures(session: Session) -> dict[str, Any]:
    """Compare the clicks of people who saw a hint with those of people who did not (hint pull).

    Distances are from the click to the hint, fractions of the diagonal; times are milliseconds.
    """
    arms: dict[str, list[tuple[float, int | None]]] = {ASSISTED: [], BLIND: []}
    people: dict[int, list[float]] = defaultdict(list)
    for arm, person_id, distance, ms in session.execute(
        select(Answer.arm, Answer.person_id, Answer.hint_distance, Answer.ms_taken).where(
            Answer.arm.is_not(None), Answer.hint_distance.is_not(None), ANSWER_IS_ACTIVE
        )
    ):
        if arm is None or distance is None:
            continue
        arms[arm].append((distance, ms))
        if arm == ASSISTED:
            people[person_id].append(distance)
    return {
        "all": {
            arm: {
                "clicks": len(rows),
                "distance": median(d for d, _ in rows) if rows else None,
                "ms": median([ms for _, ms in rows if ms is not None] or [0]) or None,
            }
            for arm, rows in arms.items()
        },
        "people": {
            person_id: {
                "clicks": len(distances),
                "followed": sum(d <= FOLLOWED for d in distances) / len(distances),
            }
            for person_id, distances in people.items()
        },
    }


def figures_to_show(session: Session, *, window: int, now: datetime) -> Figures:
    """Return the figures as they are now where they are few, else what the worker counted last.

    Args:
        session: to read with.
        window: the quality report's.
        now: when these were counted, if it is done here.
    """
    some = select(Answer.id).where(ANSWER_IS_ACTIVE).limit(SMALL).subquery()
    if session.scalars(select(func.count()).select_from(some)).one() >= SMALL:
        return newest_figures(session)
    counted = count_figures(session, window=window)
    return Figures(now, False, counted["people"], counted["audit"], counted["hints"])


def newest_figures(session: Session) -> Figures:
    """Return what the worker counted last."""
    jobs = jobs_of(session, FIGURES, limit=1)
    if not jobs:
        return Figures(None, True, [], None, None)
    job = jobs[0]
    result = job.result or {}
    return Figures(
        counted_at=job.finished_at if job.result else None,
        is_waiting=job.state in ("queued", "running"),
        people=result.get("people", []),
        audit=result.get("audit"),
        hints=result.get("hints"),
    )


def ask_if_stale(session: Session, *, now: datetime) -> bool:
    """Queue the figures where they are old and something changed; True where they were queued."""
    if not is_stale(session, now=now):
        return False
    enqueue_again(session, FIGURES, now=now)
    return True


def is_stale(session: Session, *, now: datetime) -> bool:
    """Say whether the figures should be counted anew, without writing."""
    jobs = jobs_of(session, FIGURES, limit=1)
    if not jobs:
        return True
    return _is_old(jobs[0], now) and (jobs[0].result or {}).get("seen") != state_of(session)


def _is_old(job: JobView, now: datetime) -> bool:
    if job.state in ("queued", "running") or job.finished_at is None:
        return False
    return job.finished_at < now - timedelta(seconds=EVERY_S)
