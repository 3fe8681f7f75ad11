"""Who gets which frames next, as a function on a session.

A lease is up to 20 consecutive open frames of one clip in time order (R5). A frame is open to a
person while it is not retired, has a place that nobody holds (or holds under a lapsed lease), and
the person has never answered or skipped it (R1).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import BindParameter, and_, bindparam, exists, func, insert, or_, select, update
from sqlalchemy.orm import Session

from annot_server.leases import (
    HeldLease,
    held_lease,
    lock_frames,
    lock_person,
    own_lease,
    places_of,
)
from annot_server.models import (
    ASSISTED,
    Answer,
    Clip,
    Frame,
    Lease,
    LeaseFrame,
    Prelabel,
    Skip,
    Slot,
    UtcDateTime,
)
from annot_server.places import Taken, place_for_lease

PERSON_ID: BindParameter[int] = bindparam("person_id")
NOW = bindparam("now", type_=UtcDateTime)
FRAME_IDS: BindParameter[Sequence[int]] = bindparam("frame_ids", expanding=True)

# Statements of the busiest requests are built once: building them took longer than running them.
HAS_PLACE = exists().where(
    Slot.frame_id == Frame.id,
    or_(
        Slot.person_id.is_(None),
        exists().where(Lease.id == Slot.lease_id, Lease.expires_at <= NOW),
    ),
)
IS_HELD_BY_PERSON = exists().where(
    Slot.frame_id == Frame.id,
    Slot.person_id == PERSON_ID,
    exists().where(Lease.id == Slot.lease_id, Lease.expires_at > NOW),
)
WAS_ANSWERED = exists().where(Answer.frame_id == Frame.id, Answer.person_id == PERSON_ID)
WAS_SKIPPED = exists().where(Skip.frame_id == Frame.id, Skip.person_id == PERSON_ID)
IS_OPEN = and_(
    Frame.retired_at.is_(None), HAS_PLACE, ~IS_HELD_BY_PERSON, ~WAS_ANSWERED, ~WAS_SKIPPED
)
OPEN_FRAMES_OF_CLIP = (
    select(Frame.id)
    .where(Frame.clip_id == bindparam("clip_id"), IS_OPEN)
    .order_by(Frame.second)
    .limit(bindparam("n"))
)
FIRST_CLIP = (
    select(Clip.clip_id)
    .join(Frame)
    .where(
        Clip.priority == bindparam("priority"),
        Clip.clip_id.not_in(bindparam("tried", expanding=True)),
        IS_OPEN,
    )
    .order_by(Clip.clip_id)  # not Frame.clip_id: SQLite would sort every open frame for it
    .limit(1)
)
FIRST_CLIP_FROM = FIRST_CLIP.where(Clip.clip_id >= bindparam("start"))
FIRST_CLIP_BEFORE = FIRST_CLIP.where(Clip.clip_id < bindparam("start"))
PRIORITIES = select(Clip.priority).distinct().order_by(Clip.priority.desc())
LAST_CLIP = (
    select(Lease.clip_id).where(Lease.person_id == PERSON_ID).order_by(Lease.id.desc()).limit(1)
)
LIVE_LEASES_WITH_WORK = (
    select(Lease)
    .where(
        Lease.person_id == PERSON_ID,
        Lease.expires_at > NOW,
        exists().where(Slot.lease_id == Lease.id),
    )
    .order_by(Lease.id)
)
CURRENT_PRELABELS = (
    select(Prelabel.frame_id, func.max(Prelabel.id))
    .where(Prelabel.frame_id.in_(FRAME_IDS))
    .group_by(Prelabel.frame_id)
)
FRAMES_WITH_HINT_SHOWN = (
    select(LeaseFrame.frame_id)
    .join(Lease, Lease.id == LeaseFrame.lease_id)
    .where(
        LeaseFrame.frame_id.in_(FRAME_IDS),
        LeaseFrame.arm == ASSISTED,
        Lease.person_id == PERSON_ID,
    )
)


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
    and a second one is given, so that a page can prefetch.

    Raises:
        NotFoundError: the person never had `after_lease_id`.
    """
    lock_person(session, person_id)
    if after_lease_id is not None:
        own_lease(session, after_lease_id, person_id)
    until = now + timedelta(seconds=lease_s)
    for lease in session.scalars(LIVE_LEASES_WITH_WORK, {"person_id": person_id, "now": now}):
        if lease.id != after_lease_id:
            lease.expires_at = until
            return held_lease(session, lease)
    for clip_id in _clips_with_work(session, person_id, now):
        wanted = session.scalars(
            OPEN_FRAMES_OF_CLIP,
            {"clip_id": clip_id, "person_id": person_id, "now": now, "n": lease_frames},
        ).all()
        taken = _choose_places(session, wanted, person_id, now, rng)
        if taken:
            lease = Lease(person_id=person_id, clip_id=clip_id, created_at=now, expires_at=until)
            session.add(lease)
            session.flush()
            _take_places(session, lease, taken)
            return held_lease(session, lease)
    return None


def _clips_with_work(session: Session, person_id: int, now: datetime) -> Iterator[str]:
    """Yield clips with frames open to a person: by priority, then from their last clip onward.

    Going on from the last clip keeps the search from walking over all that the person has done;
    past the end it begins again at the first clip. A clip is yielded once: others may have taken
    its last places since, or only places of the other arm are left.
    """
    start = session.scalar(LAST_CLIP, {"person_id": person_id}) or ""
    tried: list[str] = []
    for priority in session.scalars(PRIORITIES).all():
        values = {"priority": priority, "person_id": person_id, "now": now, "start": start}
        for first in (FIRST_CLIP_FROM, FIRST_CLIP_BEFORE):
            while clip_id := session.scalar(first, {**values, "tried": tried}):
                yield clip_id
                tried.append(clip_id)


def _choose_places(
    session: Session,
    frame_ids: Sequence[int],
    person_id: int,
    now: datetime,
    rng: np.random.Generator,
) -> dict[int, Taken]:
    """Lock frames and choose one place on each that still has one for this person."""
    frames = lock_frames(session, frame_ids)
    places = places_of(session, frame_ids, person_id, now)
    prelabels = {
        frame_id: prelabel_id
        for frame_id, prelabel_id in session.execute(CURRENT_PRELABELS, {"frame_ids": frame_ids})
    }
    shown = set(
        session.scalars(FRAMES_WITH_HINT_SHOWN, {"frame_ids": frame_ids, "person_id": person_id})
    )
    chosen = {
        frame.id: place_for_lease(
            places[frame.id],
            quota=frame.hint_quota,
            prelabel_id=prelabels.get(frame.id),
            was_shown_hint=frame.id in shown,
            rng=rng,
        )
        for frame in frames
    }
    return {frame_id: taken for frame_id, taken in chosen.items() if taken}


def _take_places(session: Session, lease: Lease, taken: dict[int, Taken]) -> None:
    """Hand the chosen places of locked frames to the lease's holder."""
    session.execute(
        update(Slot),
        [
            {
                "id": choice.slot_id,
                "person_id": lease.person_id,
                "lease_id": lease.id,
                "arm": choice.arm,
                "prelabel_id": choice.prelabel_id,
            }
            for choice in taken.values()
        ],
    )
    session.execute(
        insert(LeaseFrame),
        [
            {
                "lease_id": lease.id,
                "frame_id": frame_id,
                "arm": choice.arm,
                "prelabel_id": choice.prelabel_id,
            }
            for frame_id, choice in taken.items()
        ],
    )
