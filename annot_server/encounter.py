"""One frame as one person meets it: what they were offered, hold there, and have said of it.

Whatever somebody does to a frame begins here: the person's row is locked, then the frame's, and
only then everything is read, in one statement. On PostgreSQL a statement sees what was committed
when it began: locking and reading in one would read what was there before the wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BindParameter, and_, bindparam, exists, func, select
from sqlalchemy.orm import Session, aliased

from annot_server.database import core
from annot_server.errors import LeaseLostError, NotFoundError
from annot_server.leases import lock_frames, lock_person, places_of
from annot_server.models import (
    ANSWER_IS_ACTIVE,
    Answer,
    Clip,
    Frame,
    GoldAnswer,
    Lease,
    LeaseFrame,
    Prelabel,
    Skip,
    Slot,
    Video,
)
from annot_server.places import Taken, place_for_late_answer


@dataclass(frozen=True, slots=True)
class Encounter:
    """A locked frame and where one person stands with it.

    Gold answers stand where answers do: only `is_gold` tells them apart, and never to the person
    (R3). A gold frame has no places.

    Attributes:
        width: of the displayed source video, in pixels; `height` too.
        n_active: active answers of the frame.
        n_given: active answers of the person, on all frames.
        lease_id: the person's newest lease that offered the frame, None if none ever did; `arm` and
            `prelabel_id` are what it offered.
        hint_x: of that prelabel; `hint_y` and `hint_score` too.
        slot_id: the place that the person has, leased or answered.
        answer_id: the person's newest answer, active or not.
        skip_id: the person's newest skip, taken back or not.
        same_key_id: the person's answer, on any frame, under the idempotency key that was given.
    """

    frame_id: int
    clip_id: str
    is_gold: bool
    redundancy: int
    hint_quota: int
    width: int
    height: int
    n_active: int
    n_given: int
    lease_id: int | None
    arm: str | None
    prelabel_id: int | None
    hint_x: float | None
    hint_y: float | None
    hint_score: float | None
    slot_id: int | None
    answer_id: int | None
    answered_at: datetime | None
    superseded_at: datetime | None
    set_aside_at: datetime | None
    skip_id: int | None
    skipped_at: datetime | None
    undone_at: datetime | None
    same_key_id: int | None
    same_key_frame_id: int | None
    same_key_x: float | None
    same_key_y: float | None

    @property
    def is_answered(self) -> bool:
        """Whether the newest answer was not taken back; one that was set aside was not."""
        return self.answer_id is not None and self.superseded_at is None

    @property
    def is_skipped(self) -> bool:
        """Whether the person skipped the frame and did not take it back."""
        return self.skip_id is not None and self.undone_at is None

    @property
    def offered_by(self) -> int:
        """The newest lease that offered the frame.

        Raises:
            LeaseLostError: none ever did.
        """
        if self.lease_id is None:
            raise LeaseLostError(
                "this frame was not handed out to you; ask for a lease", self.frame_id
            )
        return self.lease_id


PERSON_ID: BindParameter[int] = bindparam("person_id")
FRAME_ID: BindParameter[int] = bindparam("frame_id")
Newest, SameKey = aliased(Answer), aliased(Answer)
NEWEST_OFFER = (
    # `exists`, since a join would be begun at all leases of the person.
    select(func.max(LeaseFrame.lease_id))
    .where(
        LeaseFrame.frame_id == FRAME_ID,
        exists().where(Lease.id == LeaseFrame.lease_id, Lease.person_id == PERSON_ID),
    )
    .scalar_subquery()
)
NewestGold, SameGoldKey = aliased(GoldAnswer), aliased(GoldAnswer)
NEWEST_ANSWER, NEWEST_GOLD, NEWEST_SKIP = (
    select(func.max(said.id))
    .where(said.frame_id == FRAME_ID, said.person_id == PERSON_ID)
    .scalar_subquery()
    for said in (Answer, GoldAnswer, Skip)
)
N_ACTIVE = (
    select(func.count(Answer.id)).where(Answer.frame_id == FRAME_ID, ANSWER_IS_ACTIVE)
).scalar_subquery()
N_GIVEN = (
    select(func.count(Answer.id))
    .where(Answer.person_id == PERSON_ID, ANSWER_IS_ACTIVE)
    .scalar_subquery()
    + select(func.count(GoldAnswer.id))
    .where(GoldAnswer.person_id == PERSON_ID, GoldAnswer.superseded_at.is_(None))
    .scalar_subquery()
)
# Built once, as all statements of the busiest requests: building took longer than running.
ENCOUNTER = (
    select(
        Frame.id.label("frame_id"),
        Frame.clip_id,
        Clip.is_gold,
        Frame.redundancy,
        Frame.hint_quota,
        Video.width,
        Video.height,
        N_ACTIVE.label("n_active"),
        N_GIVEN.label("n_given"),
        LeaseFrame.lease_id,
        LeaseFrame.arm,
        LeaseFrame.prelabel_id,
        Prelabel.x.label("hint_x"),
        Prelabel.y.label("hint_y"),
        Prelabel.score.label("hint_score"),
        Slot.id.label("slot_id"),
        func.coalesce(Newest.id, NewestGold.id).label("answer_id"),
        func.coalesce(Newest.created_at, NewestGold.created_at).label("answered_at"),
        func.coalesce(Newest.superseded_at, NewestGold.superseded_at).label("superseded_at"),
        Newest.set_aside_at,
        Skip.id.label("skip_id"),
        Skip.created_at.label("skipped_at"),
        Skip.undone_at,
        func.coalesce(SameKey.id, SameGoldKey.id).label("same_key_id"),
        func.coalesce(SameKey.frame_id, SameGoldKey.frame_id).label("same_key_frame_id"),
        func.coalesce(SameKey.x, SameGoldKey.x).label("same_key_x"),
        func.coalesce(SameKey.y, SameGoldKey.y).label("same_key_y"),
    )
    .select_from(Frame)
    .join(Clip, Clip.clip_id == Frame.clip_id)
    .join(Video, Video.video_id == Clip.video_id)
    .outerjoin(
        LeaseFrame,
        and_(LeaseFrame.frame_id == Frame.id, LeaseFrame.lease_id == NEWEST_OFFER),
    )
    .outerjoin(Prelabel, Prelabel.id == LeaseFrame.prelabel_id)
    .outerjoin(Slot, and_(Slot.frame_id == Frame.id, Slot.person_id == PERSON_ID))
    .outerjoin(Newest, Newest.id == NEWEST_ANSWER)
    .outerjoin(NewestGold, NewestGold.id == NEWEST_GOLD)
    .outerjoin(Skip, Skip.id == NEWEST_SKIP)
    .outerjoin(
        SameKey,
        and_(SameKey.person_id == PERSON_ID, SameKey.idempotency_key == bindparam("key")),
    )
    .outerjoin(
        SameGoldKey,
        and_(SameGoldKey.person_id == PERSON_ID, SameGoldKey.idempotency_key == bindparam("key")),
    )
    .where(Frame.id == FRAME_ID)
)


def meet_frame(
    session: Session, *, person_id: int, frame_id: int, key: str | None = None
) -> Encounter:
    """Lock a person and a frame, and return where the one stands with the other.

    Args:
        session: one of `Database.write`.
        person_id: who.
        frame_id: which.
        key: an idempotency key to look for among the person's answers.

    Raises:
        NotFoundError: there is no such frame.
    """
    lock_person(session, person_id)
    lock_frames(session, [frame_id])
    values = {"person_id": person_id, "frame_id": frame_id, "key": key}
    row = core(session).execute(ENCOUNTER, values).first()
    if row is None:
        raise NotFoundError(f"there is no frame {frame_id}", frame_id)
    return Encounter(**row._mapping)


def place_to_take(
    session: Session, met: Encounter, *, person_id: int, now: datetime
) -> Taken | None:
    """Return the place that the person has, or one to take again where their lease has lapsed."""
    if met.slot_id is not None:
        return Taken(met.slot_id, met.arm, met.prelabel_id)
    return place_for_late_answer(
        places_of(session, [met.frame_id], person_id, now)[met.frame_id],
        quota=met.hint_quota,
        arm=met.arm,
        prelabel_id=met.prelabel_id,
    )
