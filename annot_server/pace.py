"""How the work went day by day, and when it will be done at the pace of the last days.

Days are UTC's. Times are medians over answers, read off bins of `BIN_MS`: a database that counts
135,000 answers into bins sends some thousand rows instead of all of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import bindparam, func, literal_column, select
from sqlalchemy.orm import Session

from annot_server.models import ANSWER_IS_ACTIVE, Answer, Frame

BIN_MS = 100
LONGEST_MS = 60_000
"""Longer ones were breaks; they count as answers, but not as time."""
PACE_DAYS = 7

# Day by day through the index of active answers by time: grouping them all at once would sort them.
_OF_DAY = (
    ANSWER_IS_ACTIVE,
    Answer.created_at >= bindparam("start"),
    Answer.created_at < bindparam("end"),
)
COUNT_OF_DAY = select(func.count()).select_from(Answer).where(*_OF_DAY)
# Both databases divide whole numbers to whole ones; SQLite has no FLOOR for times not recorded.
_TIME_BIN = Answer.ms_taken.op("/")(literal_column(str(BIN_MS))).label("time_bin")
TIMES_OF_DAY = (
    select(_TIME_BIN, func.count(), func.count(Answer.x), func.sum(Answer.ms_taken))
    .where(*_OF_DAY)
    .group_by("time_bin")
)


@dataclass(frozen=True, slots=True)
class DayCount:
    """How many active answers were given on one day, and how many frames retired."""

    day: date
    answers: int
    retired: int


@dataclass(frozen=True, slots=True)
class Day:
    """One day's work; times are seconds an answer, None on a day without any that was timed.

    `lower_s` and `upper_s` are quartiles, `hours` is the time that all took together.
    """

    day: date
    answers: int
    not_visible: int
    lower_s: float | None
    median_s: float | None
    upper_s: float | None
    hours: float

    @property
    def answers_an_hour(self) -> float | None:
        """Answers in an hour of somebody's answering."""
        return self.answers / self.hours if self.hours else None


@dataclass(frozen=True, slots=True)
class Estimate:
    """The pace of the last days with work, in answers a day, and when none will be missing."""

    answers_a_day: float
    days_left: float
    ends_on: date


def count_days(session: Session) -> list[DayCount]:
    """Count the active answers and the frames retired on each day, from the first to the last."""
    retired = _retired_by_day(session)
    found = []
    for day in _days(session):
        n = session.scalar(COUNT_OF_DAY, _bounds(day)) or 0
        found.append(DayCount(day, n, retired.get(day.isoformat(), 0)))
    return found


def read_days(session: Session) -> list[Day]:
    """Return what each day's answers took, from the first day to the last."""
    found = []
    for day in _days(session):
        rows = session.execute(TIMES_OF_DAY, _bounds(day))
        bins = {n_bin: _Bin(n, n - n_clicks, int(ms or 0)) for n_bin, n, n_clicks, ms in rows}
        found.append(_day(day, bins))
    return found


def estimate(days: Sequence[DayCount], missing: int, today: date) -> Estimate | None:
    """Return when the work will be done, None where nobody works or nothing is missing.

    The pace is the mean of the last `PACE_DAYS` whole days before today, days without work
    included; on the first day it is today's own.

    >>> day = DayCount(date(2026, 5, 1), 70, 0)
    >>> estimate([day], 20, date(2026, 5, 2)).ends_on
    datetime.date(2026, 5, 4)
    """
    if missing <= 0 or not days:
        return None
    before = [day for day in days if day.day < today]
    if before:
        since = max(before[0].day, today - timedelta(days=PACE_DAYS))
        a_day = sum(d.answers for d in before if d.day >= since) / (today - since).days
    else:
        a_day = float(sum(day.answers for day in days))
    if a_day <= 0:
        return None
    left = missing / a_day
    return Estimate(a_day, left, today + timedelta(days=math.ceil(min(left, 36_500))))


def median_of_bins(bins: Mapping[int, int], share: float = 0.5) -> float | None:
    """Return the time below which a share of the answers lies, in seconds.

    >>> median_of_bins({10: 1, 20: 2})
    2.05
    """
    n = sum(bins.values())
    passed = 0
    for n_bin in sorted(bins):
        passed += bins[n_bin]
        if passed >= share * n:
            return (n_bin + 0.5) * BIN_MS / 1000
    return None


@dataclass(frozen=True, slots=True)
class _Bin:
    """Answers of one day whose times are alike."""

    answers: int
    not_visible: int
    ms: int


def _day(day: date, bins: Mapping[int | None, _Bin]) -> Day:
    timed = {n: b for n, b in bins.items() if n is not None and n * BIN_MS < LONGEST_MS}
    counts = {n: b.answers for n, b in timed.items()}
    lower, median, upper = (median_of_bins(counts, share) for share in (0.25, 0.5, 0.75))
    return Day(
        day=day,
        answers=sum(b.answers for b in bins.values()),
        not_visible=sum(b.not_visible for b in bins.values()),
        lower_s=lower,
        median_s=median,
        upper_s=upper,
        hours=sum(b.ms for b in timed.values()) / 3_600_000,
    )


def _days(session: Session) -> list[date]:
    """Return every day from the first to the last with an active answer."""
    first, last = session.execute(
        select(func.min(Answer.created_at), func.max(Answer.created_at)).where(ANSWER_IS_ACTIVE)
    ).one()
    if first is None:
        return []
    n = (last.date() - first.date()).days + 1
    return [first.date() + timedelta(days=i) for i in range(n)]


def _bounds(day: date) -> dict[str, datetime]:
    start = datetime.combine(day, time(), UTC)
    return {"start": start, "end": start + timedelta(days=1)}


def _retired_by_day(session: Session) -> dict[str, int]:
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    day = (
        func.substr(Frame.retired_at, 1, 10)
        if is_sqlite
        else func.to_char(func.timezone("UTC", Frame.retired_at), "YYYY-MM-DD")
    ).label("day")
    rows = session.execute(
        select(day, func.count()).where(Frame.retired_at.is_not(None)).group_by("day")
    )
    return {when: n for when, n in rows}
