"""Do the stored rows keep the promises? Counted from the rows alone, whatever wrote them (R4)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session

from annot_server.models import (
    ANSWER_IS_ACTIVE,
    ENOUGH_ANSWERS,
    Answer,
    Clip,
    Frame,
    Lease,
    LeaseFrame,
)


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit counted; every count but the first two should be 0.

    Attributes:
        frames: frames in all, without gold frames, which need no answers (R3).
        answers: active answers in all.
        over_assigned: active answers above their frame's redundancy.
        duplicate_answers: active answers of one person on one frame beyond the first.
        retired_with_too_few: frames retired for their answers that have too few active ones.
        answers_without_lease: answers on a frame that no lease of the person ever offered.
    """

    frames: int
    answers: int
    over_assigned: int
    duplicate_answers: int
    retired_with_too_few: int
    answers_without_lease: int

    @property
    def is_clean(self) -> bool:
        """Whether every promise holds."""
        return not (
            self.over_assigned
            or self.duplicate_answers
            or self.retired_with_too_few
            or self.answers_without_lease
        )

    def to_json(self) -> dict[str, int]:
        """Return the record as plain values."""
        return asdict(self)


def audit(session: Session) -> Audit:
    """Count everything at one moment."""
    per_frame = (
        select(Answer.frame_id, func.count().label("n"))
        .where(ANSWER_IS_ACTIVE)
        .group_by(Answer.frame_id)
        .subquery()
    )
    per_person = (
        select(func.count().label("n"))
        .where(ANSWER_IS_ACTIVE)
        .group_by(Answer.frame_id, Answer.person_id)
        .subquery()
    )
    n_active = func.coalesce(per_frame.c.n, 0)
    return Audit(
        frames=_count(
            session,
            select(func.count()).select_from(Frame).join(Clip).where(Clip.is_gold.is_(False)),
        ),
        answers=_count(session, select(func.count()).select_from(Answer).where(ANSWER_IS_ACTIVE)),
        over_assigned=_count(
            session,
            select(func.sum(per_frame.c.n - Frame.redundancy))
            .select_from(per_frame)
            .join(Frame, Frame.id == per_frame.c.frame_id)
            .where(per_frame.c.n > Frame.redundancy),
        ),
        duplicate_answers=_count(session, select(func.sum(per_person.c.n - 1))),
        retired_with_too_few=_count(
            session,
            select(func.count())
            .select_from(Frame)
            .outerjoin(per_frame, per_frame.c.frame_id == Frame.id)
            .where(Frame.retired_reason == ENOUGH_ANSWERS, n_active < Frame.redundancy),
        ),
        answers_without_lease=_count(
            session,
            select(func.count())
            .select_from(Answer)
            .outerjoin(
                LeaseFrame,
                and_(
                    LeaseFrame.lease_id == Answer.lease_id, LeaseFrame.frame_id == Answer.frame_id
                ),
            )
            .outerjoin(
                Lease,
                and_(Lease.id == LeaseFrame.lease_id, Lease.person_id == Answer.person_id),
            )
            .where(Lease.id.is_(None)),
        ),
    )


def _count(session: Session, query: Select[Any]) -> int:
    return int(session.scalar(query) or 0)
