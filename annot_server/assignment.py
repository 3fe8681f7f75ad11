"""Who gets which frames, and for how long: leases, as functions on a session.

A lease is up to 20 consecutive open frames of one clip in time order (R5). A frame is open to a
person while it is not retired, has a place that nobody holds (or holds under a lapsed lease), and
the person has never answered or skipped it (R1). Places are only changed by someone who holds the
frame's row lock, taken after the person's own (see `database`); SQLite's one writer needs none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from annot_server.errors import LeaseLostError, NotFoundError
from annot_server.models import (
    ASSISTED,
    Action,
    Answer,
    Clip,
    Frame,
    Lease,
    LeaseFrame,
    Person,
    Prelabel,
    Skip,
    Slot,
    Video,
)
from annot_server.places import Holder, Place, Taken, place_for_late_answer, place_for_lease
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

    `width` and `height` are pixels of the displayed source video.
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
    frames: tuple[HeldFrame, ...]


def next_lease(
    session: Session,
    *,
    person_id: int,
    now: datetime,
    lease_s: int,
    lease_frames: int,
    rng: np.random.Generator,
    after_lease_id: int | None = None,
) -> HeldLease | None:
    """Give a person their next frames, or None when there is no work for them.

    A live lease with open frames comes back, renewed. With `after_lease_id` that one is passed over
    and a second one is given, so that a page can prefetch; nobody holds more than two.

    Raises:
        NotFoundError: the person never had `after_lease_id`.
    """
    lock_person(session, person_id)
    if after_lease_id is not None:
        _own_lease(session, after_lease_id, person_id)
    for lease in _live_leases_with_work(session, person_id, now):
        if lease.id != after_lease_id:
            lease.expires_at = now + timedelta(seconds=lease_s)
            return held_lease(session, lease)
    for clip_id in _clips_with_work(session, person_id, now):
        held = _lease_clip(
            session,
            person_id=person_id,
            clip_id=clip_id,
            now=now,
            lease_s=lease_s,
            lease_frames=lease_frames,
            rng=rng,
        )
        if held:
            return held
    return None


def renew(
    session: Session, *, person_id: int, lease_id: int, now: datetime, lease_s: int
) -> datetime:
    """Prolong a live lease and return when it ends now.

    Raises:
        LeaseLostError: it has lapsed or was given back.
        NotFoundError: the person never had it.
    """
    lease = _own_lease(session, lease_id, person_id)
    if lease.expires_at <= now:
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
    lease = _own_lease(session, lease_id, person_id)
    if lease.released_at is None:
        lease.released_at = now
        lease.expires_at = min(lease.expires_at, now)


def lock_person(session: Session, person_id: int) -> None:
    """Make other transactions of the same person wait: two tabs of one browser are served in turn.

    A no-op on SQLite, where writers wait for each other anyway.
    """
    session.execute(select(Person.id).where(Person.id == person_id).with_for_update(key_share=True))


def lock_frames(session: Session, frame_ids: Sequence[int]) -> list[Frame]:
    """Lock frames against other writers, in the order of their ids; return them in time order.

    The caller holds the person's lock already. A waiting transaction gets the rows as the one
    before left them.
    """
    frames = session.scalars(
        select(Frame)
        .where(Frame.id.in_(frame_ids))
        .order_by(Frame.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return sorted(frames, key=lambda frame: frame.second)


def places_of(
    session: Session, frame_ids: Sequence[int], person_id: int, now: datetime
) -> dict[int, list[Place]]:
    """Return every place of the given (locked) frames as this person sees them."""
    rows = session.execute(
        select(Slot.id, Slot.frame_id, Slot.k, Slot.person_id, Slot.arm, Lease.expires_at)
        .outerjoin(Lease, Lease.id == Slot.lease_id)
        .where(Slot.frame_id.in_(frame_ids))
    )
    places: dict[int, list[Place]] = defaultdict(list)
    for slot_id, frame_id, k, slot_person_id, arm, expires_at in rows:
        if slot_person_id is None:
            holder = Holder.NOBODY
        elif expires_at is None or expires_at > now:
            holder = Holder.TAKEN
        elif slot_person_id == person_id:
            holder = Holder.LAPSED_SELF
        else:
            holder = Holder.LAPSED_OTHER
        places[frame_id].append(Place(slot_id, k, holder, arm))
    return places


def retake_place(
    session: Session, *, frame: Frame, person_id: int, offered: LeaseFrame, now: datetime
) -> Slot | None:
    """Take a place of a locked frame for somebody whose lease on it has lapsed, if one is free."""
    places = places_of(session, [frame.id], person_id, now)[frame.id]
    taken = place_for_late_answer(places, quota=frame.hint_quota, arm=offered.arm)
    if taken is None:
        return None
    slot = session.get_one(Slot, taken.slot_id)
    slot.person_id = person_id
    slot.lease_id = None
    if slot.arm != taken.arm:
        slot.arm, slot.prelabel_id = taken.arm, offered.prelabel_id
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


def last_offer(session: Session, *, person_id: int, frame_id: int) -> LeaseFrame | None:
    """Return the newest offer of a frame to a person, or None when they never had it."""
    return session.scalar(
        select(LeaseFrame)
        .join(Lease, Lease.id == LeaseFrame.lease_id)
        .where(LeaseFrame.frame_id == frame_id, Lease.person_id == person_id)
        .order_by(LeaseFrame.lease_id.desc())
        .limit(1)
    )


def held_lease(session: Session, lease: Lease) -> HeldLease:
    """Return a lease with its open frames, as it is shown to its holder."""
    clip, action, video = session.execute(
        select(Clip, Action, Video)
        .join(Action, Action.action_id == Clip.action_id)
        .join(Video, Video.video_id == Clip.video_id)
        .where(Clip.clip_id == lease.clip_id)
    ).one()
    rows = session.execute(
        select(Frame.id, Frame.second, Frame.image_sha256, Slot.arm, Prelabel)
        .join(Slot, Slot.frame_id == Frame.id)
        .outerjoin(Prelabel, Prelabel.id == Slot.prelabel_id)
        .where(Slot.lease_id == lease.id)
        .order_by(Frame.second)
    )
    frames = tuple(
        HeldFrame(frame_id, second, image_sha256, _hint(prelabel) if arm == ASSISTED else None)
        for frame_id, second, image_sha256, arm, prelabel in rows
    )
    return HeldLease(
        lease_id=lease.id,
        expires_at=lease.expires_at,
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        start_s=clip.start_s,
        end_s=clip.end_s,
        action_id=action.action_id,
        description=action.description,
        width=video.width,
        height=video.height,
        frames=frames,
    )


def _hint(prelabel: Prelabel) -> Hint:
    return Hint(Point(prelabel.x, prelabel.y), prelabel.score)


def _own_lease(session: Session, lease_id: int, person_id: int) -> Lease:
    lease = session.get(Lease, lease_id)
    if lease is None or lease.person_id != person_id:
        raise NotFoundError(f"you have no lease {lease_id}")
    return lease


def _live_leases_with_work(session: Session, person_id: int, now: datetime) -> list[Lease]:
    """Return a person's live leases that hold open frames, oldest first."""
    has_open_frame = exists().where(Slot.lease_id == Lease.id)
    return list(
        session.scalars(
            select(Lease)
            .where(Lease.person_id == person_id, Lease.expires_at > now, has_open_frame)
            .order_by(Lease.id)
        )
    )


def _is_open_to(person_id: int, now: datetime) -> ColumnElement[bool]:
    """Return the condition that a frame is open to a person; see the module."""
    has_place = (
        exists()
        .where(Slot.frame_id == Frame.id)
        .where(
            or_(
                Slot.person_id.is_(None),
                exists().where(Lease.id == Slot.lease_id, Lease.expires_at <= now),
            )
        )
    )
    is_held_by_person = exists().where(
        Slot.frame_id == Frame.id,
        Slot.person_id == person_id,
        exists().where(Lease.id == Slot.lease_id, Lease.expires_at > now),
    )
    was_answered = exists().where(Answer.frame_id == Frame.id, Answer.person_id == person_id)
    was_skipped = exists().where(Skip.frame_id == Frame.id, Skip.person_id == person_id)
    return and_(
        Frame.retired_at.is_(None), has_place, ~is_held_by_person, ~was_answered, ~was_skipped
    )


def _clips_with_work(session: Session, person_id: int, now: datetime) -> Iterator[str]:
    """Yield clips with frames open to a person: by priority, then from their last clip onward.

    Going on from the last clip keeps the search from walking over all that the person has done;
    past the end it begins again at the first clip.
    """
    last_clip_id = session.scalar(
        select(Lease.clip_id).where(Lease.person_id == person_id).order_by(Lease.id.desc()).limit(1)
    )
    priorities = session.scalars(
        select(Clip.priority).distinct().order_by(Clip.priority.desc())
    ).all()
    for priority in priorities:
        in_turn = and_(Clip.priority == priority, _is_open_to(person_id, now))
        if last_clip_id is None:
            yield from _clips_in_order(session, in_turn)
        else:
            yield from _clips_in_order(session, and_(in_turn, Frame.clip_id >= last_clip_id))
            yield from _clips_in_order(session, and_(in_turn, Frame.clip_id < last_clip_id))


def _clips_in_order(session: Session, condition: ColumnElement[bool]) -> Iterator[str]:
    """Yield the clips of the frames that meet a condition, one query each."""
    first = select(Frame.clip_id).join(Clip).where(condition).order_by(Frame.clip_id).limit(1)
    clip_id = session.scalar(first)
    while clip_id is not None:
        yield clip_id
        clip_id = session.scalar(first.where(Frame.clip_id > clip_id))


def _lease_clip(
    session: Session,
    *,
    person_id: int,
    clip_id: str,
    now: datetime,
    lease_s: int,
    lease_frames: int,
    rng: np.random.Generator,
) -> HeldLease | None:
    """Lease a clip's next open frames, or return None when others have just taken them."""
    wanted = session.scalars(
        select(Frame.id)
        .where(Frame.clip_id == clip_id, _is_open_to(person_id, now))
        .order_by(Frame.second)
        .limit(lease_frames)
    ).all()
    frames = lock_frames(session, wanted)
    taken = _choose_places(session, frames, person_id, now, rng)
    if not taken:
        return None
    until = now + timedelta(seconds=lease_s)
    lease = Lease(person_id=person_id, clip_id=clip_id, created_at=now, expires_at=until)
    session.add(lease)
    session.flush()
    prelabels = _current_prelabels(session, wanted)
    slot_ids = [choice.slot_id for choice in taken]
    slots = {
        slot.id: slot
        for slot in session.scalars(
            select(Slot).where(Slot.id.in_(slot_ids)).execution_options(populate_existing=True)
        )
    }
    for choice in taken:
        slot = slots[choice.slot_id]
        slot.person_id, slot.lease_id = person_id, lease.id
        if slot.arm != choice.arm:
            slot.arm, slot.prelabel_id = choice.arm, prelabels[slot.frame_id]
        session.add(
            LeaseFrame(
                lease_id=lease.id,
                frame_id=slot.frame_id,
                arm=slot.arm,
                prelabel_id=slot.prelabel_id,
            )
        )
    session.flush()
    return held_lease(session, lease)


def _choose_places(
    session: Session,
    frames: Iterable[Frame],
    person_id: int,
    now: datetime,
    rng: np.random.Generator,
) -> list[Taken]:
    """Choose one place on each locked frame that still has one for this person."""
    frames = list(frames)
    frame_ids = [frame.id for frame in frames]
    places = places_of(session, frame_ids, person_id, now)
    prelabels = _current_prelabels(session, frame_ids)
    shown = _frames_with_hint_shown(session, frame_ids, person_id)
    choices = (
        place_for_lease(
            places[frame.id],
            quota=frame.hint_quota,
            has_prelabel=frame.id in prelabels,
            was_shown_hint=frame.id in shown,
            rng=rng,
        )
        for frame in frames
    )
    return [choice for choice in choices if choice is not None]


def _current_prelabels(session: Session, frame_ids: Sequence[int]) -> dict[int, int]:
    """Return the newest prelabel's id of each frame that has one."""
    rows = session.execute(
        select(Prelabel.frame_id, func.max(Prelabel.id))
        .where(Prelabel.frame_id.in_(frame_ids))
        .group_by(Prelabel.frame_id)
    )
    return {frame_id: prelabel_id for frame_id, prelabel_id in rows}


def _frames_with_hint_shown(session: Session, frame_ids: Sequence[int], person_id: int) -> set[int]:
    """Return the frames on which a person was shown a hint before."""
    return set(
        session.scalars(
            select(LeaseFrame.frame_id)
            .join(Lease, Lease.id == LeaseFrame.lease_id)
            .where(
                LeaseFrame.frame_id.in_(frame_ids),
                LeaseFrame.arm == ASSISTED,
                Lease.person_id == person_id,
            )
        )
    )
