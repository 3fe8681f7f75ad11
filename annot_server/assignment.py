"""Who gets which frames next, as a function on a session.

A lease is up to 20 consecutive open frames of one clip in time order (R5). A frame is open to a
person while it is not retired, has a place that nobody holds (or holds under a lapsed lease), and
the person has never answered or skipped it (R1).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Row,
    ScalarSelect,
    Select,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.orm import Session, aliased

from annot_server.database import core, locks_rows
from annot_server.leases import (
    HeldLease,
    held_lease,
    lock_frames,
    lock_person,
    new_lease,
    own_lease,
    places_of,
    prolong,
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
from annot_server.quality.gold import (
    HAS_HIDDEN_GOLD,
    LIVE_GOLD_LEASE,
    held_gold_lease,
    next_gold_lease,
)

PERSON_ID: BindParameter[int] = bindparam("person_id")
NOW = bindparam("now", type_=UtcDateTime)
START: BindParameter[str] = bindparam("start")


def is_open(frame: type[Frame]) -> ColumnElement[bool]:
    """Return the condition that a frame is open to a person."""
    place = (
        select(Slot.id)
        .outerjoin(Lease, Lease.id == Slot.lease_id)
        .where(Slot.frame_id == frame.id, or_(Slot.person_id.is_(None), Lease.expires_at <= NOW))
    )
    held = (
        select(Slot.id)
        .join(Lease, Lease.id == Slot.lease_id)
        .where(Slot.frame_id == frame.id, Slot.person_id == PERSON_ID, Lease.expires_at > NOW)
    )
    answered, skipped = (
        select(said.id).where(said.frame_id == frame.id, said.person_id == PERSON_ID)
        for said in (Answer, Skip)
    )

    # One value each, not `exists`: that PostgreSQL joins, with all that the person ever answered.
    def first(found: Select[int]) -> ScalarSelect[int]:
        return found.limit(1).correlate(frame).scalar_subquery()

    return and_(
        frame.retired_at.is_(None),
        first(place).is_not(None),
        first(held).is_(None),
        first(answered).is_(None),
        first(skipped).is_(None),
    )


# Statements of the busiest requests are built once: building them took longer than running them.
WHERE_TO_BEGIN = select(
    select(func.min(Slot.lease_id))  # by the places held: leases without any are many
    .where(
        Slot.person_id == PERSON_ID,
        Slot.lease_id.is_not(None),
        Slot.lease_id != bindparam("after_lease_id"),
        exists().where(Lease.id == Slot.lease_id, Lease.expires_at > NOW),
    )
    .scalar_subquery()
    .label("live_lease_id"),
    LIVE_GOLD_LEASE.scalar_subquery().label("live_gold_lease_id"),
    select(Lease.clip_id)
    .where(Lease.person_id == PERSON_ID)
    .order_by(Lease.id.desc())
    .limit(1)
    .scalar_subquery()
    .label("last_clip_id"),
    select(func.max(Clip.priority)).scalar_subquery().label("priority"),
    HAS_HIDDEN_GOLD.label("has_gold"),
)
NEXT_PRIORITY = select(func.max(Clip.priority)).where(Clip.priority < bindparam("priority"))
Other = aliased(Frame)
FIRST_CLIP = (
    select(Clip.clip_id)
    .where(
        Clip.priority == bindparam("priority"),
        Clip.clip_id.not_in(bindparam("tried", expanding=True)),
        select(Other.id)  # looked for clip by clip: a join would be made of all open frames
        .where(Other.clip_id == Clip.clip_id, is_open(Other))
        .limit(1)
        .correlate(Clip)
        .scalar_subquery()
        .is_not(None),
    )
    .order_by(Clip.clip_id)
    .limit(1)
)
CURRENT_PRELABEL = (
    select(func.max(Prelabel.id)).where(Prelabel.frame_id == Frame.id).scalar_subquery()
)
WAS_SHOWN_HINT = exists().where(
    LeaseFrame.frame_id == Frame.id,
    LeaseFrame.arm == ASSISTED,
    exists().where(Lease.id == LeaseFrame.lease_id, Lease.person_id == PERSON_ID),
)
FRAMES_FROM, FRAMES_BEFORE = (
    select(Frame.id, Frame.clip_id, Frame.hint_quota)
    .add_columns(CURRENT_PRELABEL.label("prelabel_id"), WAS_SHOWN_HINT.label("was_shown_hint"))
    .where(Frame.clip_id == FIRST_CLIP.where(is_in_part).scalar_subquery(), is_open(Frame))
    .order_by(Frame.second)
    .limit(bindparam("n"))
    for is_in_part in (Clip.clip_id >= START, Clip.clip_id < START)
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
    gold_every: int = 0,
) -> HeldLease | None:
    """Give a person their next frames, or None when there is no work for them.

    The oldest live lease with open frames comes back, renewed: gold or not, so that the order does
    not tell them apart (R3). With `after_lease_id` that one is passed over and a second one is
    given, so that a page can prefetch. One frame in `gold_every` comes from a gold clip, while
    there are some; with 0 no new ones do.

    Raises:
        NotFoundError: the person never had `after_lease_id`.
    """
    lock_person(session, person_id)
    if after_lease_id is not None:
        own_lease(session, after_lease_id, person_id)
    begin = (
        core(session)
        .execute(
            WHERE_TO_BEGIN,
            {"person_id": person_id, "now": now, "after_lease_id": after_lease_id or 0},
        )
        .one()
    )
    live_ids = {begin.live_lease_id, begin.live_gold_lease_id} - {None}
    if live_ids:
        lease_id = min(live_ids)
        prolong(session, lease_id, now + timedelta(seconds=lease_s))
        is_gold = lease_id == begin.live_gold_lease_id
        held = (held_gold_lease if is_gold else held_lease)(session, lease_id)
        if held:
            return held
        # It was lapsing, and others have taken its last places in this moment: go on.
    if begin.has_gold:
        gold = next_gold_lease(
            session,
            person_id=person_id,
            now=now,
            lease_s=lease_s,
            every=gold_every,
            rng=rng,
            last_clip_id=begin.last_clip_id,
        )
        if gold:
            return gold
    values = {
        "person_id": person_id,
        "now": now,
        "n": lease_frames,
        "start": begin.last_clip_id or "",
    }
    for frames in _open_frames(session, begin.priority, values):
        tried = session.begin_nested() if locks_rows(session) else None
        taken = _choose_places(session, frames, person_id, now, rng)
        if taken:
            return new_lease(
                session,
                person_id=person_id,
                clip_id=frames[0].clip_id,
                now=now,
                lease_s=lease_s,
                taken=taken,
            )
        if tried:  # let go of these frames: two who go on in other orders would wait for good
            tried.rollback()
    return None


def _open_frames(
    session: Session, priority: int | None, values: dict[str, Any]
) -> Iterator[Sequence[Row[Any]]]:
    """Yield a clip's frames open to a person: by priority, then from their last clip onward.

    Going on from the last clip keeps the search from walking over all that the person has done;
    past the end it begins again at the first clip. A clip is yielded once: others may have taken
    its last places since, or only places of the other arm are left.
    """
    connection = core(session)
    tried: list[str] = []
    while priority is not None:
        for statement in (FRAMES_FROM, FRAMES_BEFORE):
            wanted = {**values, "priority": priority, "tried": tried}
            while frames := connection.execute(statement, wanted).all():
                yield frames
                tried.append(frames[0].clip_id)
        priority = connection.execute(NEXT_PRIORITY, {"priority": priority}).scalar()


def _choose_places(
    session: Session,
    frames: Sequence[Row[Any]],
    person_id: int,
    now: datetime,
    rng: np.random.Generator,
) -> dict[int, Taken]:
    """Lock frames and choose one place on each that still has one for this person."""
    frame_ids = [frame.id for frame in frames]
    lock_frames(session, frame_ids)
    places = places_of(session, frame_ids, person_id, now)
    chosen = {
        frame.id: place_for_lease(
            places[frame.id],
            quota=frame.hint_quota,
            prelabel_id=frame.prelabel_id,
            was_shown_hint=frame.was_shown_hint,
            rng=rng,
        )
        for frame in frames
    }
    return {frame_id: taken for frame_id, taken in chosen.items() if taken}
