"""Taking back what was said of a frame: young, and among the person's last ten responses (R7).

Nothing is deleted: an answer taken back is superseded, and its frame is leased to the person again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from annot_server.database import core
from annot_server.encounter import Encounter, meet_frame, place_to_take
from annot_server.errors import LeaseLostError, NotFoundError, UndoExpiredError
from annot_server.leases import HeldLease, new_lease
from annot_server.models import (
    ANSWER_IS_ACTIVE,
    Answer,
    AuditEntry,
    GoldAnswer,
    Skip,
    UtcDateTime,
)
from annot_server.quality.gold import lease_gold_frames
from annot_server.retirement import reopen

UNDOABLE = 10
"""Only the last ten responses can be taken back."""

Kind = type[Answer] | type[Skip] | type[GoldAnswer]

# Gold answers count like any other response: nothing tells them apart (R3).
IS_ACTIVE: dict[Kind, Any] = {
    Answer: ANSWER_IS_ACTIVE,
    Skip: Skip.undone_at.is_(None),
    GoldAnswer: GoldAnswer.superseded_at.is_(None),
}


def _later_responses(kind: Kind) -> Select[int]:
    """Return the query for how many active responses came after one of the given kind.

    Of each kind only the newest few are looked at: a person may have given thousands.
    """
    n_later = []
    for other, is_active in IS_ACTIVE.items():
        newest = (
            select(other.id, other.created_at)
            .where(other.person_id == bindparam("person_id"), is_active)
            .order_by(other.id.desc())
            .limit(UNDOABLE + 1)
            .subquery()
        )
        # Within its own table the id knows the order, also of one moment.
        is_later = (
            newest.c.id > bindparam("response_id")
            if other is kind
            else newest.c.created_at > bindparam("given_at", type_=UtcDateTime)
        )
        n_later.append(select(func.count()).select_from(newest).where(is_later).scalar_subquery())
    return select(sum(n_later[1:], start=n_later[0]))


N_LATER = {kind: _later_responses(kind) for kind in IS_ACTIVE}
RESPONSE_ID: BindParameter[int] = bindparam("response_id")
TAKE_BACK = {
    Answer: update(Answer).where(Answer.id == RESPONSE_ID).values(superseded_at=bindparam("now")),
    GoldAnswer: update(GoldAnswer)
    .where(GoldAnswer.id == RESPONSE_ID)
    .values(superseded_at=bindparam("now")),
    Skip: update(Skip).where(Skip.id == RESPONSE_ID).values(undone_at=bindparam("now")),
}
NAMES = {Answer: "answer", Skip: "skip", GoldAnswer: "answer"}
TABLE_NAMES = {**NAMES, GoldAnswer: "gold answer"}
"""For the audit log, which the person does not see: each kind counts its own numbers."""


@dataclass(frozen=True, slots=True)
class Response:
    """Something that a person said of a frame; inactive once it was taken back or set aside."""

    kind: Kind
    response_id: int
    given_at: datetime
    is_active: bool


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

    A frame that the answer had retired opens again.

    Raises:
        NotFoundError: the person has said nothing of it.
        UndoExpiredError: see `refuse_late_undo`.
        LeaseLostError: they skipped it, and others have taken every place of it since.
    """
    met = meet_frame(session, person_id=person_id, frame_id=frame_id)
    said = _last_response(met)
    if said is None:
        raise NotFoundError(f"you have said nothing of frame {frame_id}", frame_id)
    refuse_late_undo(
        session,
        said,
        person_id=person_id,
        frame_id=frame_id,
        now=now,
        undo_window_s=undo_window_s,
    )
    taken = None
    if not met.is_gold:  # a gold frame has no places: nobody else can take it
        taken = place_to_take(session, met, person_id=person_id, now=now)
        if taken is None:
            raise LeaseLostError(
                "others have taken this frame since; go on with the next one", frame_id
            )
    connection = core(session)
    connection.execute(TAKE_BACK[said.kind], {"response_id": said.response_id, "now": now})
    if said.kind is Answer:
        reopen(session, frame_id)
    connection.execute(
        insert(AuditEntry),
        {
            "at": now,
            "person_id": person_id,
            "what": f"undo_{NAMES[said.kind]}",
            "subject": f"{TABLE_NAMES[said.kind]} {said.response_id}",
        },
    )
    whose: dict[str, Any] = {
        "person_id": person_id,
        "clip_id": met.clip_id,
        "now": now,
        "lease_s": lease_s,
    }
    if taken is None:
        return lease_gold_frames(session, frame_ids=[frame_id], **whose)
    return new_lease(session, taken={frame_id: taken}, **whose)


def refuse_late_undo(
    session: Session,
    said: Response,
    *,
    person_id: int,
    frame_id: int,
    now: datetime,
    undo_window_s: int,
) -> None:
    """Let a response be taken back only while it is young and among the person's last ten (R7).

    Raises:
        UndoExpiredError: it is not, or it was taken back or set aside already.
    """
    values = {"person_id": person_id, "response_id": said.response_id, "given_at": said.given_at}
    n_later = core(session).scalars(N_LATER[said.kind], values).one()
    if not said.is_active or not may_undo(said.given_at, now, undo_window_s, n_later):
        raise UndoExpiredError(
            f"this {NAMES[said.kind]} can no longer be taken back: that works once, for "
            f"{undo_window_s} s, and for the last {UNDOABLE}",
            frame_id,
        )


def may_undo(given_at: datetime, now: datetime, undo_window_s: int, n_later: int) -> bool:
    """Say whether a response can be taken back: young, and among the last ten (R7)."""
    return now - given_at <= timedelta(seconds=undo_window_s) and n_later < UNDOABLE


def _last_response(met: Encounter) -> Response | None:
    """Return what the person said last: of answer and skip at most one is active."""
    if met.answer_id is not None and met.answered_at is not None and not met.is_skipped:
        is_active = met.superseded_at is None and met.set_aside_at is None
        kind = GoldAnswer if met.is_gold else Answer
        return Response(kind, met.answer_id, met.answered_at, is_active)
    if met.skip_id is not None and met.skipped_at is not None:
        return Response(Skip, met.skip_id, met.skipped_at, met.is_skipped)
    return None
