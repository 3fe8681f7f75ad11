"""What people say of frames: answering and skipping, each one transaction's work.

A lapsed lease whose frame still has a free place is taken again and the answer accepted; an answer
is repeated safely under its idempotency key. Nothing is deleted: answering again after an undo is a
new row that names the old one (R1, R7).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from annot_server.errors import (
    AlreadyAnsweredError,
    IdempotencyConflictError,
    LeaseLostError,
)
from annot_server.leases import last_offer, lock_frame, lock_person, retake_place
from annot_server.models import (
    ANSWER_IS_ACTIVE,
    ASSISTED,
    ENOUGH_ANSWERS,
    Answer,
    Clip,
    Frame,
    LeaseFrame,
    Prelabel,
    Skip,
    Slot,
    Video,
)
from dataset_builder.geometry import Point

# Statements of the busiest request are built once: building them took longer than running them.
ANSWER_OF_KEY = select(Answer).where(
    Answer.person_id == bindparam("person_id"), Answer.idempotency_key == bindparam("key")
)
NEWEST_ANSWER = (
    select(Answer)
    .where(Answer.frame_id == bindparam("frame_id"), Answer.person_id == bindparam("person_id"))
    .order_by(Answer.id.desc())
    .limit(1)
)
ACTIVE_SKIP = select(Skip).where(
    Skip.frame_id == bindparam("frame_id"),
    Skip.person_id == bindparam("person_id"),
    Skip.undone_at.is_(None),
)
SLOT_OF_PERSON = select(Slot).where(
    Slot.frame_id == bindparam("frame_id"), Slot.person_id == bindparam("person_id")
)
N_ACTIVE_OF_FRAME = select(func.count(Answer.id)).where(
    Answer.frame_id == bindparam("frame_id"), ANSWER_IS_ACTIVE
)
N_ACTIVE_OF_PERSON = select(func.count(Answer.id)).where(
    Answer.person_id == bindparam("person_id"), ANSWER_IS_ACTIVE
)


@dataclass(frozen=True, slots=True)
class Details:
    """How an answer was given, as the page saw it; None where it does not say.

    Times in milliseconds, sizes in CSS pixels of the displayed image; `zoom` is the page's
    magnification (1: the whole frame), `context_ms` how long the clip was played around it.
    """

    ms_since_paint: int | None = None
    ms_taken: int | None = None
    pointer: str | None = None
    display_width: int | None = None
    display_height: int | None = None
    device_pixel_ratio: float | None = None
    zoom: float | None = None
    context_ms: int | None = None
    hint_taken_by_key: bool | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """An answer that is stored; `is_repeat` when it already was under the same key."""

    answer_id: int
    frame_id: int
    answers_given: int
    is_repeat: bool


@dataclass(frozen=True, slots=True)
class Skipped:
    """A skip that is stored; `is_repeat` when it already was."""

    skip_id: int
    frame_id: int
    is_repeat: bool


def give_answer(
    session: Session,
    *,
    person_id: int,
    frame_id: int,
    point: Point | None,
    key: str,
    now: datetime,
    details: Details = Details(),
) -> Given:
    """Store what a person says of a frame: a click, or None for "not visible".

    Raises:
        NotFoundError: there is no such frame.
        IdempotencyConflictError: the key belongs to another answer of this person.
        AlreadyAnsweredError: the person has an answer or a skip on this frame.
        LeaseLostError: the person holds no place on it and none is free.
    """
    lock_person(session, person_id)
    stored = session.scalar(ANSWER_OF_KEY, {"person_id": person_id, "key": key})
    if stored:
        if (stored.frame_id, stored.x, stored.y) != (frame_id, *_coordinates(point)):
            raise IdempotencyConflictError(
                f"this Idempotency-Key was used for answer {stored.id} on frame {stored.frame_id}; "
                "send another answer under a new key",
                frame_id,
            )
        return Given(stored.id, frame_id, count_given(session, person_id), is_repeat=True)
    frame = lock_frame(session, frame_id)
    before = _refuse_second_answer(session, person_id, frame_id)
    offered, slot = _place_to_answer(session, frame, person_id, now)
    answer = Answer(
        slot_id=slot.id,
        frame_id=frame_id,
        person_id=person_id,
        lease_id=offered.lease_id,
        idempotency_key=key,
        created_at=now,
        supersedes_id=before.id if before else None,
        arm=offered.arm,
        **asdict(details),
    )
    answer.x, answer.y = _coordinates(point)
    if answer.arm != ASSISTED:
        answer.hint_taken_by_key = None
    if offered.prelabel_id is not None:
        _record_hint(session, answer, offered.prelabel_id, frame)
    slot.lease_id = None
    session.add(answer)
    session.flush()
    n_active = session.scalars(N_ACTIVE_OF_FRAME, {"frame_id": frame_id}).one()
    if is_full(n_active, frame.redundancy):
        frame.retired_at, frame.retired_reason = now, ENOUGH_ANSWERS
    return Given(answer.id, frame_id, count_given(session, person_id), is_repeat=False)


def skip_frame(
    session: Session,
    *,
    person_id: int,
    frame_id: int,
    reason: str,
    comment: str | None,
    now: datetime,
) -> Skipped:
    """Pass a frame on to others; the person is not offered it again.

    Raises:
        NotFoundError: there is no such frame.
        AlreadyAnsweredError: the person has answered it.
        LeaseLostError: the person never held it.
    """
    lock_person(session, person_id)
    frame = lock_frame(session, frame_id)
    stored = _active_skip(session, person_id, frame_id)
    if stored:
        return Skipped(stored.id, frame_id, is_repeat=True)
    _refuse_second_answer(session, person_id, frame_id)
    offered = last_offer(session, person_id, frame_id)
    slot = _slot_of(session, frame.id, person_id)
    if slot:
        slot.person_id = slot.lease_id = None
    skip = Skip(
        frame_id=frame_id,
        person_id=person_id,
        lease_id=offered.lease_id,
        reason=reason,
        comment=comment,
        created_at=now,
    )
    session.add(skip)
    session.flush()
    return Skipped(skip.id, frame_id, is_repeat=False)


def is_full(n_active: int, redundancy: int) -> bool:
    """Say whether a frame has the answers it needs and is retired."""
    return n_active >= redundancy


def hint_distance(click: Point, hint: Point, width: int, height: int) -> float:
    """Return the distance between click and hint as a fraction of the frame's diagonal.

    Args:
        click: where the person clicked.
        hint: the prelabel.
        width: of the frame, in any unit.
        height: in the same unit.
    """
    across = math.hypot((click.x - hint.x) * width, (click.y - hint.y) * height)
    return across / math.hypot(width, height)


def count_given(session: Session, person_id: int) -> int:
    """Return how many active answers a person has given."""
    return session.scalars(N_ACTIVE_OF_PERSON, {"person_id": person_id}).one()


def _coordinates(point: Point | None) -> tuple[float | None, float | None]:
    return (point.x, point.y) if point else (None, None)


def _active_skip(session: Session, person_id: int, frame_id: int) -> Skip | None:
    return session.scalar(ACTIVE_SKIP, {"person_id": person_id, "frame_id": frame_id})


def _refuse_second_answer(session: Session, person_id: int, frame_id: int) -> Answer | None:
    """Return the answer that a new one supersedes, if any, or refuse a second one."""
    if _active_skip(session, person_id, frame_id):
        raise AlreadyAnsweredError("you skipped this frame; take the skip back first", frame_id)
    before = session.scalar(NEWEST_ANSWER, {"person_id": person_id, "frame_id": frame_id})
    if before and before.superseded_at is None:
        raise AlreadyAnsweredError("you have answered this frame", frame_id)
    return before


def _slot_of(session: Session, frame_id: int, person_id: int) -> Slot | None:
    return session.scalar(SLOT_OF_PERSON, {"person_id": person_id, "frame_id": frame_id})


def _place_to_answer(
    session: Session, frame: Frame, person_id: int, now: datetime
) -> tuple[LeaseFrame, Slot]:
    """Return the offer and the place that an answer belongs to, taken again where it lapsed."""
    offered = last_offer(session, person_id, frame.id)
    slot = _slot_of(session, frame.id, person_id) or retake_place(
        session, frame=frame, person_id=person_id, offered=offered, now=now
    )
    if slot is None:
        raise LeaseLostError(
            "the lease on this frame ended and others have taken its places since; "
            "go on with the next one",
            frame.id,
        )
    return offered, slot


def _record_hint(session: Session, answer: Answer, prelabel_id: int, frame: Frame) -> None:
    """Copy the prelabel into the answer, for both arms; a blind answer was not shown it."""
    prelabel = session.get_one(Prelabel, prelabel_id)
    answer.prelabel_id = prelabel.id
    answer.hint_x, answer.hint_y = prelabel.x, prelabel.y
    answer.hint_score = prelabel.score
    if answer.x is None or answer.y is None:
        return
    width, height = session.execute(
        select(Video.width, Video.height)
        .join(Clip, Clip.video_id == Video.video_id)
        .where(Clip.clip_id == frame.clip_id)
    ).one()
    click, hint = Point(answer.x, answer.y), Point(prelabel.x, prelabel.y)
    answer.hint_distance = hint_distance(click, hint, width, height)
