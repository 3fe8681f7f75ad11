"""Leases and the places they hold: looking, locking, renewing, giving back, taking again.

Places are only changed by someone who holds the frame's row lock, taken after the person's own
(see `database`); SQLite's one writer needs none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, Row, and_, bindparam, insert, select, update
from sqlalchemy.orm import Session

from annot_server.database import core, locks_rows, new_id
from annot_server.errors import LeaseLostError, NotFoundError
from annot_server.models import (
    ASSISTED,
    Action,
    Clip,
    Frame,
    Lease,
    LeaseFrame,
    Person,
    Prelabel,
    Slot,
    Video,
)
from annot_server.places import Holder, Place, Taken
from dataset_builder.geometry import Point


@dataclass(frozen=True, slots=True)
class Hint:
    """A prelabel that is shown to the person."""

    point: Point
    score: float


@dataclass(frozen=True, slots=True)
class HeldFrame:
    """A frame that waits for its holder's answer; `hint` is None for a blind one (R9)."""

    frame_id: int
    second: int
    image_sha256: str
    hint: Hint | None


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A live lease and the frames in it that are still open, in time order.

    `width` and `height` are pixels of the displayed source video; `video_mime` is None where
    browsers do not play it as it is.
    """

    lease_id: int
    expires_at: datetime
    clip_id: str
    video_id: str
    start_s: float
    end_s: float
    action_id: str
    description: str
    width: int
    height: int
    video_mime: str | None
    frames: tuple[HeldFrame, ...]


# Statements of the busiest requests are built once: building them took longer than running them.
LEASE_ID: BindParameter[int] = bindparam("held_lease_id")
FRAME_IDS: BindParameter[Sequence[int]] = bindparam("frame_ids", expanding=True)
HELD_SUBJECT = (
    select(
        Lease.id.label("lease_id"),
        Lease.expires_at,
        Clip.clip_id,
        Clip.video_id,
        Clip.start_s,
        Clip.end_s,
        Clip.action_id,
        Action.description,
        Video.width,
        Video.height,
        Video.mime,
        Frame.id.label("frame_id"),
        Frame.second,
        Frame.image_sha256,
    )
    .select_from(Lease)
    .join(Clip, Clip.clip_id == Lease.clip_id)
    .join(Action, Action.action_id == Clip.action_id)
    .join(Video, Video.video_id == Clip.video_id)
    .where(Lease.id == LEASE_ID)
    .order_by(Frame.second)
)
HELD_LEASE = (
    HELD_SUBJECT.add_columns(Slot.arm, Prelabel.x, Prelabel.y, Prelabel.score)
    .join(Slot, and_(Slot.lease_id == Lease.id, Slot.person_id == Lease.person_id))
    .join(Frame, Frame.id == Slot.frame_id)
    .outerjoin(Prelabel, Prelabel.id == Slot.prelabel_id)
)
PLACES_OF_FRAMES = (
    select(Slot.id, Slot.frame_id, Slot.k, Slot.person_id, Slot.arm, Slot.prelabel_id)
    .add_columns(Lease.expires_at)
    .outerjoin(Lease, Lease.id == Slot.lease_id)
    .where(Slot.frame_id.in_(FRAME_IDS))
)
OWN_LEASE = select(Lease.expires_at, Lease.released_at).where(
    Lease.id == LEASE_ID, Lease.person_id == bindparam("person_id")
)
PROLONG = update(Lease).where(Lease.id == LEASE_ID).values(expires_at=bindparam("until"))
GIVE_BACK = PROLONG.values(released_at=bindparam("given_back_at"))
GIVE_BACK_LATER = (
    update(Lease)
    .where(
        Lease.person_id == bindparam("holder_id"),
        Lease.id > LEASE_ID,
        Lease.expires_at > bindparam("given_back_at"),
    )
    .values(released_at=bindparam("given_back_at"), expires_at=bindparam("given_back_at"))
)
HAND_OVER = (
    update(Slot)
    .where(Slot.id == bindparam("slot_id"))
    .values(
        person_id=bindparam("holder_id"),
        lease_id=bindparam("holding_lease_id"),
        arm=bindparam("drawn_arm"),
        prelabel_id=bindparam("drawn_prelabel_id"),
    )
)
LOCKED_PERSON = (
    select(Person.id).where(Person.id == bindparam("person_id")).with_for_update(key_share=True)
)
LOCKED_FRAMES = (
    select(Frame.id)
    .where(Frame.id.in_(FRAME_IDS))
    .order_by(Frame.id)
    .with_for_update(key_share=True)
)
FRAMES_HELD = (
    select(Slot.frame_id)
    .join(Lease, and_(Lease.id == Slot.lease_id, Lease.person_id == Slot.person_id))
    .where(Lease.id == LEASE_ID)
)


def renew(
    session: Session, *, person_id: int, lease_id: int, now: datetime, lease_s: int
) -> datetime:
    """Prolong a live lease and return when it ends now.

    Raises:
        LeaseLostError: it has lapsed or was given back.
        NotFoundError: the person never had it.
    """
    lock_person(session, person_id)
    expires_at, released_at = own_lease(session, lease_id, person_id)
    if released_at is not None or expires_at <= now:
        raise LeaseLostError(
            f"lease {lease_id} has ended; ask for a new one (your answers are kept)"
        )
    until = now + timedelta(seconds=lease_s)
    prolong(session, lease_id, until)
    return until


def release(
    session: Session, *, person_id: int, lease_id: int, now: datetime, and_later: bool = False
) -> None:
    """Give a lease's open frames back; giving back twice is no error.

    Args:
        session: of a write.
        person_id: who holds it.
        lease_id: which.
        now: when.
        and_later: give every live lease back that the person was given after this one, too. A page
            that was closed while it asked for one never learned which.

    Raises:
        NotFoundError: the person never had it.
    """
    lock_person(session, person_id)
    expires_at, released_at = own_lease(session, lease_id, person_id)
    if released_at is None:
        core(session).execute(
            GIVE_BACK,
            {"held_lease_id": lease_id, "until": min(expires_at, now), "given_back_at": now},
        )
    if and_later:
        core(session).execute(
            GIVE_BACK_LATER,
            {"held_lease_id": lease_id, "holder_id": person_id, "given_back_at": now},
        )


def own_lease(session: Session, lease_id: int, person_id: int) -> tuple[datetime, datetime | None]:
    """Return when a person's lease ends or ended, and when it was given back.

    Raises:
        NotFoundError: the person never had it.
    """
    values = {"held_lease_id": lease_id, "person_id": person_id}
    row = core(session).execute(OWN_LEASE, values).first()
    if row is None:
        raise NotFoundError(f"you have no lease {lease_id}")
    return row.expires_at, row.released_at


def prolong(session: Session, lease_id: int, until: datetime) -> None:
    """Let a lease of a locked person end at another moment.

    The frames that it holds are locked first: whoever takes a lapsed place over has looked at the
    lease's end under that lock.
    """
    if locks_rows(session):
        held = core(session).execute(FRAMES_HELD, {"held_lease_id": lease_id}).scalars().all()
        lock_frames(session, held)
    core(session).execute(PROLONG, {"held_lease_id": lease_id, "until": until})


def lock_person(session: Session, person_id: int) -> None:
    """Make other transactions of the same person wait: two tabs of one browser are served in turn.

    Does nothing on SQLite, where writers wait for each other anyway.
    """
    if locks_rows(session):
        core(session).execute(LOCKED_PERSON, {"person_id": person_id})


def lock_frames(session: Session, frame_ids: Sequence[int]) -> None:
    """Lock frames against other writers, in the order of their ids.

    The caller holds the person's lock already, and reads what it decides on afterwards. Does
    nothing on SQLite.
    """
    if locks_rows(session):
        core(session).execute(LOCKED_FRAMES, {"frame_ids": frame_ids}).all()


def places_of(
    session: Session, frame_ids: Sequence[int], person_id: int, now: datetime
) -> dict[int, list[Place]]:
    """Return every place of the given (locked) frames as this person sees them."""
    places: dict[int, list[Place]] = defaultdict(list)
    for slot_id, frame_id, k, holder_id, arm, prelabel_id, expires_at in core(session).execute(
        PLACES_OF_FRAMES, {"frame_ids": frame_ids}
    ):
        if holder_id is None:
            holder = Holder.NOBODY
        elif expires_at is None or expires_at > now:
            holder = Holder.TAKEN
        elif holder_id == person_id:
            holder = Holder.LAPSED_SELF
        else:
            holder = Holder.LAPSED_OTHER
        places[frame_id].append(Place(slot_id, k, holder, arm, prelabel_id))
    return places


def new_lease(
    session: Session,
    *,
    person_id: int,
    clip_id: str,
    now: datetime,
    lease_s: int,
    taken: dict[int, Taken],
) -> HeldLease:
    """Lease the chosen place of each of a clip's locked frames to a person."""
    connection = core(session)
    inserted = connection.execute(
        insert(Lease),
        {
            "person_id": person_id,
            "clip_id": clip_id,
            "created_at": now,
            "expires_at": now + timedelta(seconds=lease_s),
        },
    )
    lease_id = new_id(inserted)
    connection.execute(
        HAND_OVER, [handing_over(choice, person_id, lease_id) for choice in taken.values()]
    )
    connection.execute(
        insert(LeaseFrame),
        [
            {
                "lease_id": lease_id,
                "frame_id": frame_id,
                "arm": choice.arm,
                "prelabel_id": choice.prelabel_id,
            }
            for frame_id, choice in taken.items()
        ],
    )
    held = held_lease(session, lease_id)
    assert held is not None  # it was made with places
    return held


def handing_over(taken: Taken, person_id: int | None, lease_id: int | None) -> dict[str, object]:
    """Return the values of `HAND_OVER`: who has the place from now on, under which lease."""
    return {
        "slot_id": taken.slot_id,
        "holder_id": person_id,
        "holding_lease_id": lease_id,
        "drawn_arm": taken.arm,
        "drawn_prelabel_id": taken.prelabel_id,
    }


def held_lease(session: Session, lease_id: int) -> HeldLease | None:
    """Return a lease as it is shown to its holder, None when it holds no place."""
    return held_from_rows(core(session).execute(HELD_LEASE, {"held_lease_id": lease_id}).all())


def held_from_rows(rows: Sequence[Row[Any]]) -> HeldLease | None:
    """Return a lease from its rows, one for each frame that waits in it; None without any."""
    if not rows:
        return None
    first = rows[0]
    frames = tuple(
        HeldFrame(
            row.frame_id,
            row.second,
            row.image_sha256,
            Hint(Point(row.x, row.y), row.score) if row.arm == ASSISTED else None,
        )
        for row in rows
    )
    return HeldLease(
        lease_id=first.lease_id,
        expires_at=first.expires_at,
        clip_id=first.clip_id,
        video_id=first.video_id,
        start_s=first.start_s,
        end_s=first.end_s,
        action_id=first.action_id,
        description=first.description,
        width=first.width,
        height=first.height,
        video_mime=first.mime,
        frames=frames,
    )
