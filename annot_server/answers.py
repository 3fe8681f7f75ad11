"""What people say of frames: answering and skipping, each one transaction's work.

A lapsed lease whose frame still has a free place is taken again and the answer accepted; an answer
is repeated safely under its idempotency key. Nothing is deleted: answering again after an undo is a
new row that names the old one (R1, R7).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from annot_server.database import core, new_id
from annot_server.encounter import N_GIVEN, Encounter, meet_frame, place_to_take
from annot_server.errors import (
    AlreadyAnsweredError,
    IdempotencyConflictError,
    LeaseLostError,
)
from annot_server.leases import HAND_OVER, handing_over
from annot_server.models import ASSISTED, Answer, Skip, Slot
from annot_server.quality.gold import give_gold_answer
from annot_server.retirement import is_full, retire
from dataset_builder.geometry import Point

# Statements of the busiest request are built once: building them took longer than running them.
N_GIVEN_BY_PERSON = select(N_GIVEN)
END_LEASE_OF_SLOT = update(Slot).where(Slot.id == bindparam("held_slot_id")).values(lease_id=None)
FREE_SLOT = END_LEASE_OF_SLOT.values(person_id=None)


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


DETAILS = tuple(field.name for field in fields(Details))


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
    met = meet_frame(session, person_id=person_id, frame_id=frame_id, key=key)
    x, y = (point.x, point.y) if point else (None, None)
    if met.same_key_id is not None:
        if (met.same_key_frame_id, met.same_key_x, met.same_key_y) != (frame_id, x, y):
            raise IdempotencyConflictError(
                "this Idempotency-Key was used for another answer, on frame "
                f"{met.same_key_frame_id}; send another answer under a new key",
                frame_id,
            )
        return Given(met.same_key_id, frame_id, met.n_given, is_repeat=True)
    _refuse_second_response(met)
    if met.is_gold:
        answer_id = give_gold_answer(
            session,
            met,
            person_id=person_id,
            point=point,
            key=key,
            now=now,
            ms_since_paint=details.ms_since_paint,
            ms_taken=details.ms_taken,
            pointer=details.pointer,
        )
        return Given(answer_id, frame_id, met.n_given + 1, is_repeat=False)
    slot_id = _settle_place(session, met, person_id=person_id, now=now)
    values = {
        "slot_id": slot_id,
        "frame_id": frame_id,
        "person_id": person_id,
        "lease_id": met.lease_id,
        "idempotency_key": key,
        "created_at": now,
        "supersedes_id": met.answer_id,
        "x": x,
        "y": y,
        **{name: getattr(details, name) for name in DETAILS},
        **_hint_values(met, point, details),
    }
    answer_id = new_id(core(session).execute(insert(Answer), values))
    if is_full(met.n_active + 1, met.redundancy):
        retire(session, frame_id=frame_id, width=met.width, height=met.height, now=now)
    return Given(answer_id, frame_id, met.n_given + 1, is_repeat=False)


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
    met = meet_frame(session, person_id=person_id, frame_id=frame_id)
    if met.skip_id is not None and met.is_skipped:
        return Skipped(met.skip_id, frame_id, is_repeat=True)
    _refuse_second_response(met)
    values = {
        "frame_id": frame_id,
        "person_id": person_id,
        "lease_id": met.offered_by,
        "reason": reason,
        "comment": comment,
        "created_at": now,
    }
    if met.slot_id is not None:
        core(session).execute(FREE_SLOT, {"held_slot_id": met.slot_id})
    skip_id = new_id(core(session).execute(insert(Skip), values))
    return Skipped(skip_id, frame_id, is_repeat=False)


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
    """Return how many active answers a person has given, those on gold frames among them."""
    return int(session.scalars(N_GIVEN_BY_PERSON, {"person_id": person_id}).one())


def _refuse_second_response(met: Encounter) -> None:
    if met.is_skipped:
        raise AlreadyAnsweredError("you skipped this frame; take the skip back first", met.frame_id)
    if met.is_answered:
        raise AlreadyAnsweredError("you have answered this frame", met.frame_id)


def _settle_place(session: Session, met: Encounter, *, person_id: int, now: datetime) -> int:
    """Turn the leased place into an answered one, taken again where the lease lapsed; return it.

    Raises:
        LeaseLostError: the person was never offered the frame, or others have its places by now.
    """
    _ = met.offered_by
    if met.slot_id is not None:
        core(session).execute(END_LEASE_OF_SLOT, {"held_slot_id": met.slot_id})
        return met.slot_id
    taken = place_to_take(session, met, person_id=person_id, now=now)
    if taken is None:
        raise LeaseLostError(
            "the lease on this frame ended and others have taken its places since; "
            "go on with the next one",
            met.frame_id,
        )
    core(session).execute(HAND_OVER, handing_over(taken, person_id, None))
    return taken.slot_id


def _hint_values(met: Encounter, point: Point | None, details: Details) -> dict[str, Any]:
    """Return the offered prelabel's columns, for both arms; a blind answer was not shown it."""
    is_shown = met.arm == ASSISTED
    distance = None
    if point and met.hint_x is not None and met.hint_y is not None:
        hint = Point(met.hint_x, met.hint_y)
        distance = hint_distance(point, hint, met.width, met.height)
    return {
        "arm": met.arm,
        "prelabel_id": met.prelabel_id,
        "hint_x": met.hint_x,
        "hint_y": met.hint_y,
        "hint_score": met.hint_score,
        "hint_taken_by_key": details.hint_taken_by_key if is_shown else None,
        "hint_distance": distance,
    }
