"""Leases and the places they hold: looking, locking, renewing, giving back, taking again.

Places are only changed by someone who holds the frame's row lock, taken after the person's own
(see `database`); SQLite's one writer needs none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

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
from annot_server.places import Holder, Place, place_for_late_answer
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
SUBJECT_OF_CLIP = (
    select(Clip, Action.description, Video.width, Video.height, Video.mime)
    .join(Action, Action.action_id == Clip.action_id)
    .join(Video, Video.video_id == Clip.video_id)
    .where(Clip.clip_id == bindparam("clip_id"))
)
FRAMES_OF_LEASE = (
    select(Frame.id, Frame.second, Frame.image_sha256, Slot.arm)
    .add_columns(Prelabel.x, Prelabel.y, Prelabel.score)
    .join(Slot, Slot.frame_id == Frame.id)
    .outerjoin(Prelabel, Prelabel.id == Slot.prelabel_id)
    .where(Slot.lease_id == bindparam("lease_id"))
    .order_by(Frame.second)
)
PLACES_OF_FRAMES = (
    select(Slot.id, Slot.frame_id, Slot.k, Slot.person_id, Slot.arm, Slot.prelabel_id)
    .add_columns(Lease.expires_at)
    .outerjoin(Lease, Lease.id == Slot.lease_id)
    .where(Slot.frame_id.in_(bindparam("frame_ids", expanding=True)))
)
LAST_OFFER = (
    select(LeaseFrame)
    .join(Lease, Lease.id == LeaseFrame.lease_id)
    .where(LeaseFrame.frame_id == bindparam("frame_id"), Lease.person_id == bindparam("person_id"))
    .order_by(LeaseFrame.lease_id.desc())
    .limit(1)
)
LOCKED_PERSON = (
    select(Person.id).where(Person.id == bindparam("person_id")).with_for_update(key_share=True)
)
LOCKED_FRAMES = (
    select(Frame)
    .where(Frame.id.in_(bindparam("frame_ids", expanding=True)))
    .order_by(Frame.id)
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
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
    lease = own_lease(session, lease_id, person_id)
    if lease.released_at is not None or lease.expires_at <= now:
        raise LeaseLostError(
            f"lease {lease_id} has ended; ask for a new one (your answers are kept)"
        )
    lease.expires_at = now + timedelta(seconds=lease_s)
    return lease.expires_at


def release(session: Session, *, person_id: int, lease_id: int, now: datetime) -> None:
    """Give a lease's open frames back; giving back twice is no error.

    Raises:
        NotFoundError: the person never had it.
    """
    lock_person(session, person_id)
    lease = own_lease(session, lease_id, person_id)
    if lease.released_at is None:
        lease.released_at = now
        lease.expires_at = min(lease.expires_at, now)


def own_lease(session: Session, lease_id: int, person_id: int) -> Lease:
    """Return a person's lease, live or not.

    Raises:
        NotFoundError: the person never had it.
    """
    lease = session.get(Lease, lease_id)
    if lease is None or lease.person_id != person_id:
        raise NotFoundError(f"you have no lease {lease_id}")
    return lease


def lock_person(session: Session, person_id: int) -> None:
    """Make other transactions of the same person wait: two tabs of one browser are served in turn.

    A no-op on SQLite, where writers wait for each other anyway.
    """
    session.execute(LOCKED_PERSON, {"person_id": person_id})


def lock_frames(session: Session, frame_ids: Sequence[int]) -> list[Frame]:
    """Lock frames against other writers, in the order of their ids; return them in time order.

    The caller holds the person's lock already. A transaction that waited gets the rows as the one
    before left them.
    """
    frames = session.scalars(LOCKED_FRAMES, {"frame_ids": frame_ids})
    return sorted(frames, key=lambda frame: frame.second)


def lock_frame(session: Session, frame_id: int) -> Frame:
    """Lock one frame; see `lock_frames`.

    Raises:
        NotFoundError: there is no such frame.
    """
    frames = lock_frames(session, [frame_id])
    if not frames:
        raise NotFoundError(f"there is no frame {frame_id}", frame_id)
    return frames[0]


def places_of(
    session: Session, frame_ids: Sequence[int], person_id: int, now: datetime
) -> dict[int, list[Place]]:
    """Return every place of the given (locked) frames as this person sees them."""
    places: dict[int, list[Place]] = defaultdict(list)
    for row in session.execute(PLACES_OF_FRAMES, {"frame_ids": frame_ids}):
        if row.person_id is None:
            holder = Holder.NOBODY
        elif row.expires_at is None or row.expires_at > now:
            holder = Holder.TAKEN
        elif row.person_id == person_id:
            holder = Holder.LAPSED_SELF
        else:
            holder = Holder.LAPSED_OTHER
        places[row.frame_id].append(Place(row.id, row.k, holder, row.arm, row.prelabel_id))
    return places


def retake_place(
    session: Session, *, frame: Frame, person_id: int, offered: LeaseFrame, now: datetime
) -> Slot | None:
    """Take a place of a locked frame for somebody whose lease on it has lapsed, if one is free."""
    taken = place_for_late_answer(
        places_of(session, [frame.id], person_id, now)[frame.id],
        quota=frame.hint_quota,
        arm=offered.arm,
        prelabel_id=offered.prelabel_id,
    )
    if taken is None:
        return None
    slot = session.get_one(Slot, taken.slot_id)
    slot.person_id, slot.lease_id = person_id, None
    slot.arm, slot.prelabel_id = taken.arm, taken.prelabel_id
    return slot


def lease_slot(
    session: Session, *, frame: Frame, slot: Slot, person_id: int, now: datetime, lease_s: int
) -> HeldLease:
    """Lease one place of one locked frame to a person again, after they took back what they said.

    The place keeps its arm.
    """
    lease = Lease(
        person_id=person_id,
        clip_id=frame.clip_id,
        created_at=now,
        expires_at=now + timedelta(seconds=lease_s),
    )
    session.add(lease)
    session.flush()
    session.add(
        LeaseFrame(lease_id=lease.id, frame_id=frame.id, arm=slot.arm, prelabel_id=slot.prelabel_id)
    )
    slot.person_id, slot.lease_id = person_id, lease.id
    session.flush()
    return held_lease(session, lease)


def last_offer(session: Session, person_id: int, frame_id: int) -> LeaseFrame:
    """Return the newest offer of a frame to a person.

    Raises:
        LeaseLostError: they never had it.
    """
    offered = session.scalar(LAST_OFFER, {"person_id": person_id, "frame_id": frame_id})
    if offered is None:
        raise LeaseLostError("this frame was not handed out to you; ask for a lease", frame_id)
    return offered


def held_lease(session: Session, lease: Lease) -> HeldLease:
    """Return a lease with its open frames, as it is shown to its holder."""
    clip, description, width, height, mime = session.execute(
        SUBJECT_OF_CLIP, {"clip_id": lease.clip_id}
    ).one()
    frames = tuple(
        HeldFrame(
            row.id,
            row.second,
            row.image_sha256,
            Hint(Point(row.x, row.y), row.score) if row.arm == ASSISTED else None,
        )
        for row in session.execute(FRAMES_OF_LEASE, {"lease_id": lease.id})
    )
    return HeldLease(
        lease_id=lease.id,
        expires_at=lease.expires_at,
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        start_s=clip.start_s,
        end_s=clip.end_s,
        action_id=clip.action_id,
        description=description,
        width=width,
        height=height,
        video_mime=mime,
        frames=frames,
    )
