"""Frames with known answers, and how people did on them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from annot_server.models.base import Base, one_of, partial_index
from annot_server.models.work import POINTERS

HIDDEN, QUALIFICATION = "hidden", "qualification"
PURPOSES = (HIDDEN, QUALIFICATION)
BOTH_OR_NEITHER = "(x IS NULL) = (y IS NULL)"
POINT = "x BETWEEN 0 AND 1 AND y BETWEEN 0 AND 1"


class GoldFrame(Base):
    """A frame of a gold clip and its known answer: a point, or neither for "not visible".

    `tolerance` is a fraction of the diagonal; `note` is the sentence that explains the answer in
    the qualification.
    """

    __tablename__ = "gold_frames"
    __table_args__ = (
        one_of("purpose", PURPOSES),
        CheckConstraint(BOTH_OR_NEITHER, name="both_or_neither"),
        CheckConstraint(POINT, name="point"),
        CheckConstraint("tolerance > 0", name="tolerance"),
    )

    frame_id: Mapped[int] = mapped_column(ForeignKey("frames.id"), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(20))
    x: Mapped[float | None]
    y: Mapped[float | None]
    tolerance: Mapped[float]
    note: Mapped[str | None] = mapped_column(String(400))
    created_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class GoldAnswer(Base):
    """What one person said of one hidden gold frame, and how far off it was.

    Active while `superseded_at` is empty; `distance` is a fraction of the diagonal, empty unless
    both the person and the gold frame have a point.
    """

    __tablename__ = "gold_answers"
    __table_args__ = (
        ForeignKeyConstraint(["lease_id", "person_id"], ["leases.id", "leases.person_id"]),
        ForeignKeyConstraint(
            ["lease_id", "frame_id"], ["lease_frames.lease_id", "lease_frames.frame_id"]
        ),
        UniqueConstraint("person_id", "idempotency_key"),
        CheckConstraint(BOTH_OR_NEITHER, name="both_or_neither"),
        CheckConstraint(POINT, name="point"),
        one_of("pointer", POINTERS),
        partial_index(
            "uq_gold_answers_active",
            "person_id",
            "frame_id",
            where="superseded_at IS NULL",
            unique=True,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    frame_id: Mapped[int] = mapped_column(ForeignKey("gold_frames.frame_id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    lease_id: Mapped[int]
    x: Mapped[float | None]
    y: Mapped[float | None]
    idempotency_key: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    is_right: Mapped[bool]
    distance: Mapped[float | None]
    ms_since_paint: Mapped[int | None]
    ms_taken: Mapped[int | None]
    pointer: Mapped[str | None] = mapped_column(String(10))


class QualificationAnswer(Base):
    """What somebody said of one frame in one attempt at the qualification (R10)."""

    __tablename__ = "qualification_answers"
    __table_args__ = (
        UniqueConstraint("person_id", "attempt", "frame_id"),
        CheckConstraint(BOTH_OR_NEITHER, name="both_or_neither"),
        CheckConstraint(POINT, name="point"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    attempt: Mapped[int]
    frame_id: Mapped[int] = mapped_column(ForeignKey("gold_frames.frame_id"))
    x: Mapped[float | None]
    y: Mapped[float | None]
    is_right: Mapped[bool]
    distance: Mapped[float | None]
    created_at: Mapped[datetime]
