"""Hidden gold frames at work: handing them out, and keeping what people say of them (R3).

Gold comes as short leases between the others, in the order in which clips come, about one frame in
fifteen. A gold frame has no places: whoever was handed it may answer it, once. Reading, locking,
skipping and undoing go the ways of all frames (`encounter`, `answers`, `undo`), so that replies,
refusals and waiting are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import BindParameter, and_, bindparam, case, exists, func, insert, null, select
from sqlalchemy.orm import Session, aliased

from annot_server.database import core, new_id
from annot_server.encounter import Encounter
from annot_server.leases import HELD_SUBJECT, HeldLease, held_from_rows
from annot_server.models import (
    HIDDEN,
    Clip,
    Frame,
    GoldAnswer,
    GoldFrame,
    Lease,
    LeaseFrame,
    Skip,
    UtcDateTime,
)
from annot_server.quality.grading import grade, point_of
from dataset_builder.geometry import Point

RECENT_LEASES = 20
"""The share of gold is kept over so many leases: what is further back is forgotten."""
MOST_LIKELY = 0.75
"""Gold that is due may still wait, so that nobody can count its turn down."""
CANDIDATES = 5

PERSON_ID: BindParameter[int] = bindparam("person_id")
NOW = bindparam("now", type_=UtcDateTime)
IS_IN_USE = and_(GoldFrame.purpose == HIDDEN, GoldFrame.withdrawn_at.is_(None))

HAS_HIDDEN_GOLD = exists().where(IS_IN_USE)

# Built once, as all statements of the busiest requests: building took longer than running.
Newer, NewerLease = aliased(LeaseFrame), aliased(Lease)
WAITS_IN_LEASE = and_(
    *(
        # Tied by name: two levels down SQLAlchemy would take `Lease` for any lease at all.
        ~condition.correlate(Lease, LeaseFrame)
        for condition in (
            exists().where(
                GoldAnswer.frame_id == LeaseFrame.frame_id,
                GoldAnswer.person_id == Lease.person_id,
                GoldAnswer.superseded_at.is_(None),
            ),
            exists().where(
                Skip.frame_id == LeaseFrame.frame_id,
                Skip.person_id == Lease.person_id,
                Skip.undone_at.is_(None),
            ),
            # A frame that was taken back waits in the lease that this made.
            exists().where(
                Newer.frame_id == LeaseFrame.frame_id,
                Newer.lease_id > LeaseFrame.lease_id,
                NewerLease.id == Newer.lease_id,
                NewerLease.person_id == Lease.person_id,
            ),
        )
    )
)
LIVE_GOLD_LEASE = (
    select(func.min(Lease.id))
    .join(Clip, Clip.clip_id == Lease.clip_id)
    .where(
        Lease.person_id == PERSON_ID,
        Lease.expires_at > NOW,
        Lease.id != bindparam("after_lease_id"),
        Clip.is_gold,
        exists().where(LeaseFrame.lease_id == Lease.id, WAITS_IN_LEASE),
    )
)
"""The person's oldest live gold lease with frames that wait, but for one."""
HELD_LEASE = (
    # No hint is ever shown on a gold frame.
    HELD_SUBJECT.add_columns(*(null().label(name) for name in ("arm", "x", "y", "score")))
    .join(LeaseFrame, LeaseFrame.lease_id == Lease.id)
    .join(Frame, Frame.id == LeaseFrame.frame_id)
    .where(WAITS_IN_LEASE)
)
Recent = (
    select(Lease.id, Lease.clip_id)
    .where(
        Lease.person_id == PERSON_ID,
        Lease.created_at
        >= select(func.min(GoldFrame.created_at)).where(IS_IN_USE).scalar_subquery(),
    )
    .order_by(Lease.id.desc())
    .limit(RECENT_LEASES)
    .subquery()
)
OFFERED_LATELY = (
    select(
        func.count(case((Clip.is_gold.is_(False), 1))).label("n_others"),
        func.count(case((Clip.is_gold, 1))).label("n_gold"),
    )
    .select_from(Recent)
    .join(Clip, Clip.clip_id == Recent.c.clip_id)
    .join(LeaseFrame, LeaseFrame.lease_id == Recent.c.id)
)
IS_NEW_TO_PERSON = and_(
    exists().where(GoldFrame.frame_id == Frame.id, IS_IN_USE),
    ~exists().where(GoldAnswer.frame_id == Frame.id, GoldAnswer.person_id == PERSON_ID),
    ~exists().where(Skip.frame_id == Frame.id, Skip.person_id == PERSON_ID),
    ~exists().where(
        LeaseFrame.frame_id == Frame.id,
        exists().where(
            Lease.id == LeaseFrame.lease_id, Lease.person_id == PERSON_ID, Lease.expires_at > NOW
        ),
    ),
)
CLIPS_ONWARD = (
    select(Clip.clip_id, Clip.video_id, Clip.action_id)
    .where(Clip.is_gold, exists().where(Frame.clip_id == Clip.clip_id, IS_NEW_TO_PERSON))
    .order_by(case((Clip.clip_id >= bindparam("start"), 0), else_=1), Clip.clip_id)
    .limit(CANDIDATES)
)
OtherFrame, OtherClip = aliased(Frame), aliased(Clip)
WAS_SEEN_ELSEWHERE = exists().where(
    OtherClip.video_id == bindparam("video_id"),
    OtherClip.action_id == bindparam("action_id"),
    OtherFrame.clip_id == OtherClip.clip_id,
    OtherFrame.second == Frame.second,
    OtherFrame.id != Frame.id,
    LeaseFrame.frame_id == OtherFrame.id,
    Lease.id == LeaseFrame.lease_id,
    Lease.person_id == PERSON_ID,
)
NEW_FRAMES = (
    select(Frame.id)
    .where(Frame.clip_id == bindparam("clip_id"), IS_NEW_TO_PERSON, ~WAS_SEEN_ELSEWHERE)
    .order_by(Frame.second)
)
KNOWN_ANSWER = select(GoldFrame.x, GoldFrame.y, GoldFrame.tolerance).where(
    GoldFrame.frame_id == bindparam("frame_id")
)


def next_gold_lease(
    session: Session,
    *,
    person_id: int,
    now: datetime,
    lease_s: int,
    every: int,
    rng: np.random.Generator,
    last_clip_id: str | None,
) -> HeldLease | None:
    """Give a person gold frames where it is their turn for some, None where it is not.

    Args:
        session: of a write that holds the person's lock.
        person_id: who.
        now: when.
        lease_s: how long the lease lasts, in seconds.
        every: one frame in so many is gold; 0: no new gold.
        rng: draws whether it is time.
        last_clip_id: the clip of the person's last lease; gold is taken from there onward, as
            clips are.
    """
    if every == 0:
        return None
    draw = float(rng.random())
    lately = core(session).execute(OFFERED_LATELY, {"person_id": person_id}).one()
    due = frames_due(lately.n_others, lately.n_gold, every)
    if draw >= chance(due, 1):
        return None
    found = _new_frames(session, person_id, now, last_clip_id or "")
    if found is None or draw >= chance(due, len(found[1])):
        return None
    clip_id, frame_ids = found
    return lease_gold_frames(
        session, person_id=person_id, clip_id=clip_id, frame_ids=frame_ids, now=now, lease_s=lease_s
    )


def frames_due(n_others: int, n_gold: int, every: int) -> float:
    """Return how many gold frames somebody is behind, who was handed out so many of each kind.

    >>> frames_due(28, 1, 15)
    1.0
    """
    return n_others / max(1, every - 1) - n_gold


def chance(due: float, n_frames: int) -> float:
    """Return how likely a gold clip of `n_frames` comes now.

    It grows with what is due, so that the share is kept however long clips and gold clips are, and
    is never certain, so that nobody can count the turns.

    >>> [chance(due, 2) for due in (-1, 0.5, 5)]
    [0.0, 0.25, 0.75]
    """
    return min(MOST_LIKELY, max(0.0, due) / n_frames)


def lease_gold_frames(
    session: Session,
    *,
    person_id: int,
    clip_id: str,
    frame_ids: Sequence[int],
    now: datetime,
    lease_s: int,
) -> HeldLease:
    """Lease gold frames of one clip to a person."""
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
        insert(LeaseFrame),
        [{"lease_id": lease_id, "frame_id": frame_id} for frame_id in frame_ids],
    )
    held = held_gold_lease(session, lease_id)
    assert held is not None  # it was made with frames that wait
    return held


def held_gold_lease(session: Session, lease_id: int) -> HeldLease | None:
    """Return a gold lease as it is shown to its holder, None when no frame waits in it."""
    return held_from_rows(core(session).execute(HELD_LEASE, {"held_lease_id": lease_id}).all())


def give_gold_answer(
    session: Session,
    met: Encounter,
    *,
    person_id: int,
    point: Point | None,
    key: str,
    now: datetime,
    ms_since_paint: int | None = None,
    ms_taken: int | None = None,
    pointer: str | None = None,
) -> int:
    """Store and grade what a person says of a gold frame that they have not answered.

    Returns:
        The gold answer's id.

    Raises:
        LeaseLostError: it was never handed out to them.
    """
    known_x, known_y, tolerance = (
        core(session).execute(KNOWN_ANSWER, {"frame_id": met.frame_id}).one()
    )
    graded = grade(
        point,
        point_of(known_x, known_y),
        tolerance=tolerance,
        width=met.width,
        height=met.height,
    )
    inserted = core(session).execute(
        insert(GoldAnswer),
        {
            "frame_id": met.frame_id,
            "person_id": person_id,
            "lease_id": met.offered_by,
            "x": point.x if point else None,
            "y": point.y if point else None,
            "idempotency_key": key,
            "created_at": now,
            "is_right": graded.is_right,
            "distance": graded.distance,
            "ms_since_paint": ms_since_paint,
            "ms_taken": ms_taken,
            "pointer": pointer,
        },
    )
    return new_id(inserted)


def _new_frames(
    session: Session, person_id: int, now: datetime, start: str
) -> tuple[str, Sequence[int]] | None:
    """Return the next gold clip with frames that are new to the person, and those frames.

    A frame of the same second and action that they met in another clip would give itself away.
    """
    connection = core(session)
    values = {"person_id": person_id, "now": now}
    for clip in connection.execute(CLIPS_ONWARD, {**values, "start": start}).all():
        frame_ids = connection.execute(NEW_FRAMES, {**values, **clip._mapping}).scalars().all()
        if frame_ids:
            return clip.clip_id, frame_ids
    return None
