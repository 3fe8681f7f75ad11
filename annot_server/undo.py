"""Taking back an answer or a skip: young ones, among the last ten (R7).

Nothing is deleted: an answer taken back is superseded, and its frame is leased to the person again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from annot_server.errors import LeaseLostError, NotFoundError, UndoExpiredError
from annot_server.leases import (
    HeldLease,
    last_offer,
    lease_slot,
    lock_frame,
    lock_person,
    retake_place,
)
from annot_server.models import ANSWER_IS_ACTIVE, ENOUGH_ANSWERS, Answer, AuditEntry, Skip, Slot

UNDOABLE = 10
"""Only the last ten answers (and the last ten skips) can be taken back."""


def undo_response(
    session: Session,
    *,
    person_id: int,
    frame_id: int,
    now: datetime,
    undo_window_s: int,
    lease_s: int,
) -> HeldLease:
    """Take back what a person said last of a frame, answer or skip, and hold the frame again.

    Raises:
        NotFoundError: the person has said nothing of it.
        UndoExpiredError: see `may_undo`.
        LeaseLostError: they skipped it, and others have taken every place of it since.
    """
    lock_person(session, person_id)
    answer_id, skip_id = (
        session.scalar(
            select(said.id)
            .where(said.frame_id == frame_id, said.person_id == person_id)
            .order_by(said.id.desc())
            .limit(1)
        )
        for said in (Answer, Skip)
    )
    if answer_id is None and skip_id is None:
        raise NotFoundError(f"you have said nothing of frame {frame_id}", frame_id)
    is_skipped = skip_id is not None and (
        answer_id is None or session.get_one(Skip, skip_id).undone_at is None
    )
    whose = {"person_id": person_id, "now": now}
    limits = {"undo_window_s": undo_window_s, "lease_s": lease_s}
    if is_skipped:
        return undo_skip(session, skip_id=skip_id, **whose, **limits)
    return undo_answer(session, answer_id=answer_id, **whose, **limits)


def undo_answer(
    session: Session,
    *,
    person_id: int,
    answer_id: int,
    now: datetime,
    undo_window_s: int,
    lease_s: int,
) -> HeldLease:
    """Take back one's own answer and hold its frame again; a retired frame opens.

    Raises:
        NotFoundError: the person has no such answer.
        UndoExpiredError: see `may_undo`.
    """
    lock_person(session, person_id)
    answer = session.get(Answer, answer_id)
    if answer is None or answer.person_id != person_id:
        raise NotFoundError(f"you have no answer {answer_id}")
    frame = lock_frame(session, answer.frame_id)
    is_active = answer.superseded_at is None and answer.set_aside_at is None
    n_later = session.scalars(
        select(func.count(Answer.id)).where(
            Answer.person_id == person_id, ANSWER_IS_ACTIVE, Answer.id > answer_id
        )
    ).one()
    if not is_active or not may_undo(answer.created_at, now, undo_window_s, n_later):
        raise UndoExpiredError(_undo_message("answer", undo_window_s), answer.frame_id)
    answer.superseded_at = now
    if frame.retired_reason == ENOUGH_ANSWERS:
        frame.retired_at = frame.retired_reason = None
    session.add(
        AuditEntry(at=now, person_id=person_id, what="undo_answer", subject=f"answer {answer_id}")
    )
    slot = session.get_one(Slot, answer.slot_id)
    return lease_slot(
        session, frame=frame, slot=slot, person_id=person_id, now=now, lease_s=lease_s
    )


def undo_skip(
    session: Session,
    *,
    person_id: int,
    skip_id: int,
    now: datetime,
    undo_window_s: int,
    lease_s: int,
) -> HeldLease:
    """Take back one's own skip and hold its frame again.

    Raises:
        NotFoundError: the person has no such skip.
        UndoExpiredError: see `may_undo`.
        LeaseLostError: others have taken every place of the frame since.
    """
    lock_person(session, person_id)
    skip = session.get(Skip, skip_id)
    if skip is None or skip.person_id != person_id:
        raise NotFoundError(f"you have no skip {skip_id}")
    frame = lock_frame(session, skip.frame_id)
    n_later = session.scalars(
        select(func.count(Skip.id)).where(
            Skip.person_id == person_id, Skip.undone_at.is_(None), Skip.id > skip_id
        )
    ).one()
    if skip.undone_at or not may_undo(skip.created_at, now, undo_window_s, n_later):
        raise UndoExpiredError(_undo_message("skip", undo_window_s), skip.frame_id)
    offered = last_offer(session, person_id, frame.id)
    slot = retake_place(session, frame=frame, person_id=person_id, offered=offered, now=now)
    if slot is None:
        raise LeaseLostError(
            "others have taken this frame since; go on with the next one", frame.id
        )
    skip.undone_at = now
    session.add(
        AuditEntry(at=now, person_id=person_id, what="undo_skip", subject=f"skip {skip_id}")
    )
    return lease_slot(
        session, frame=frame, slot=slot, person_id=person_id, now=now, lease_s=lease_s
    )


def may_undo(given_at: datetime, now: datetime, undo_window_s: int, n_later: int) -> bool:
    """Say whether an answer or skip can be taken back: young, and among the last ten (R7)."""
    return now - given_at <= timedelta(seconds=undo_window_s) and n_later < UNDOABLE


def _undo_message(what: str, undo_window_s: int) -> str:
    return (
        f"this {what} can no longer be taken back: that works once, for {undo_window_s} s, and for "
        f"the last {UNDOABLE}"
    )
