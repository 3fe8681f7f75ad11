"""Setting answers aside: they stay stored and stop counting, and their frames open again (R1, R2).

Who gave them is never offered those frames again. An answer set aside frees its place, which keeps
its arm, so that hints stay within a frame's quota.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.orm import Session

from annot_server.database import core, locks_rows
from annot_server.errors import NotFoundError, NotReviewableError
from annot_server.leases import lock_person
from annot_server.models import (
    ANSWER_IS_ACTIVE,
    ENOUGH_ANSWERS,
    Answer,
    AuditEntry,
    Frame,
    Person,
    Slot,
)
from annot_server.retirement import REOPENED

MAX_REASON = 400


@dataclass(frozen=True, slots=True)
class SetAside:
    """How many answers stopped counting, and how many retired frames opened for it."""

    answers: int
    frames_reopened: int


def set_aside_person(
    session: Session, *, person_id: int, by_person_id: int | None, reason: str, now: datetime
) -> SetAside:
    """Set all of a person's answers aside.

    Args:
        session: one of `Database.write`.
        person_id: whose answers.
        by_person_id: who decides it; None for the command line.
        reason: why, for the audit log.
        now: when.

    Raises:
        NotFoundError: there is no such person.
        NotReviewableError: the reason is empty or too long.
    """
    if session.scalar(select(Person.id).where(Person.id == person_id)) is None:
        raise NotFoundError(f"there is no person {person_id}")
    return _set_aside(
        session,
        Answer.person_id == person_id,
        person_id=person_id,
        subject=f"person {person_id}",
        by_person_id=by_person_id,
        reason=reason,
        now=now,
    )


def set_aside_answer(
    session: Session, *, answer_id: int, by_person_id: int | None, reason: str, now: datetime
) -> SetAside:
    """Set one answer aside; one that does not count any more stays as it is.

    Raises:
        NotFoundError: there is no such answer.
        NotReviewableError: the reason is empty or too long.
    """
    person_id = session.scalar(select(Answer.person_id).where(Answer.id == answer_id))
    if person_id is None:
        raise NotFoundError(f"there is no answer {answer_id}")
    return _set_aside(
        session,
        Answer.id == answer_id,
        person_id=person_id,
        subject=f"answer {answer_id}",
        by_person_id=by_person_id,
        reason=reason,
        now=now,
    )


def _set_aside(
    session: Session,
    whose: ColumnElement[bool],
    *,
    person_id: int,
    subject: str,
    by_person_id: int | None,
    reason: str,
    now: datetime,
) -> SetAside:
    reason = reason.strip()
    if not 0 < len(reason) <= MAX_REASON:
        raise NotReviewableError(f"say why, in 1 to {MAX_REASON} characters")
    counts = (whose, ANSWER_IS_ACTIVE)
    lock_person(session, person_id)
    connection = core(session)
    frame_ids = select(Answer.frame_id).where(*counts)
    if locks_rows(session):
        connection.execute(
            select(Frame.id)
            .where(Frame.id.in_(frame_ids))
            .order_by(Frame.id)
            .with_for_update(key_share=True)
        ).all()
    # Before the answers, which say which places and frames are meant.
    connection.execute(
        update(Slot)
        .where(Slot.id.in_(select(Answer.slot_id).where(*counts)))
        .values(person_id=None, lease_id=None)
    )
    reopened: Any = connection.execute(
        update(Frame)
        .where(Frame.id.in_(frame_ids), Frame.retired_reason == ENOUGH_ANSWERS)
        .values(**REOPENED)
    )
    answers: Any = connection.execute(update(Answer).where(*counts).values(set_aside_at=now))
    found = SetAside(answers.rowcount, reopened.rowcount)
    connection.execute(
        insert(AuditEntry),
        {
            "at": now,
            "person_id": by_person_id,
            "what": "set_aside",
            "subject": f"{subject}: {found.answers} answers, {found.frames_reopened} frames "
            f"opened: {reason}",
        },
    )
    return found
