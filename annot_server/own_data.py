"""What somebody is told about themselves: how much they did, and on which days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, cast, func, select
from sqlalchemy.orm import Session

from annot_server.models import ANSWER_IS_ACTIVE, Answer, GoldAnswer, Person

DAYS_SHOWN = 30


@dataclass(frozen=True, slots=True)
class OwnData:
    """A person's own account: `days` are UTC days with answers, the newest first."""

    joined_at: datetime
    consented_at: datetime | None
    has_password: bool
    n_answers: int
    n_days: int
    days: tuple[tuple[date, int], ...]


def read_own_data(session: Session, person_id: int) -> OwnData:
    """Return what a person may see of themselves.

    Frames with known answers count like any other, so that nobody can tell by counting (R3).
    """
    person = session.get_one(Person, person_id)
    by_day: dict[date, int] = {}
    for table, is_active in (
        (Answer, ANSWER_IS_ACTIVE),
        (GoldAnswer, GoldAnswer.superseded_at.is_(None)),
    ):
        day = _utc_day(session, table.created_at).label("day")
        counted = select(day, func.count()).where(table.person_id == person_id, is_active)
        for found, n in session.execute(counted.group_by(day)):
            at = date.fromisoformat(str(found))
            by_day[at] = by_day.get(at, 0) + n
    days = sorted(by_day.items(), reverse=True)
    return OwnData(
        joined_at=person.created_at,
        consented_at=person.consented_at,
        has_password=person.password_hash is not None,
        n_answers=sum(by_day.values()),
        n_days=len(days),
        days=tuple(days[:DAYS_SHOWN]),
    )


def _utc_day(session: Session, moment: Any) -> Any:
    """Return the SQL expression of a moment's day in UTC."""
    if session.get_bind().dialect.name == "postgresql":
        return cast(func.timezone("UTC", moment), Date)
    return func.date(moment)
