"""The log of who changed what, a page at a time, the newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from annot_server.models import AuditEntry, Person


@dataclass(frozen=True, slots=True)
class LogLine:
    """One change; `name` is None for the command line and the server itself."""

    at: datetime
    person_id: int | None
    name: str | None
    what: str
    subject: str


def read_log(
    session: Session, *, what: str = "", words: str = "", page: int = 1, size: int = 50
) -> tuple[list[LogLine], int]:
    """Return one page of the log and how many lines there are in all.

    Args:
        session: reads.
        what: only changes of this kind; "" for all.
        words: each must be in the line's subject or the person's name.
        page: from 1.
        size: lines a page.
    """
    conditions = [AuditEntry.what == what] if what else []
    for word in words.split():
        text = func.lower(AuditEntry.subject + " " + func.coalesce(Person.name, ""))
        conditions.append(text.contains(word.lower(), autoescape=True))
    joined = (
        select(func.count())
        .select_from(AuditEntry)
        .outerjoin(Person, Person.id == AuditEntry.person_id)
    )
    total = session.scalar(joined.where(*conditions)) or 0
    rows = session.execute(
        select(AuditEntry.at, AuditEntry.person_id, Person.name, AuditEntry.what)
        .add_columns(AuditEntry.subject)
        .outerjoin(Person, Person.id == AuditEntry.person_id)
        .where(*conditions)
        .order_by(AuditEntry.id.desc())
        .limit(size)
        .offset((page - 1) * size)
    )
    return [LogLine(*row) for row in rows], total


def kinds_of_change(session: Session) -> list[str]:
    """Return every kind of change that the log holds."""
    return list(session.scalars(select(AuditEntry.what).distinct().order_by(AuditEntry.what)))
