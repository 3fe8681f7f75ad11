"""Videos, frames and what people said of them, with our promises as constraints.

Answers are never deleted: an answer is *active* while `superseded_at` and `set_aside_at` are both
empty (R1). A frame has one `Slot` for each answer that it needs, so that no frame can get more
active answers than its redundancy: each slot holds at most one.

    slot free      person_id empty
    slot leased    person_id and lease_id set (lapsed once the lease's `expires_at` has passed)
    slot answered  person_id set, lease_id empty
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    UniqueConstraint,
    and_,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column

from annot_server.models.base import Base, one_of, partial_index

ASSISTED, BLIND = "assisted", "blind"
SKIP_REASONS = ("cannot_tell", "wrong_action", "broken_image", "other")
POINTERS = ("mouse", "touch", "pen", "keyboard")
ENOUGH_ANSWERS = "enough_answers"

IS_ACTIVE = "superseded_at IS NULL AND set_aside_at IS NULL"


class Video(Base):
    """One source video, as displayed; `source_path` is where the file was at import."""

    __tablename__ = "videos"

    video_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    width: Mapped[int]
    height: Mapped[int]
    duration_s: Mapped[float]
    sha256: Mapped[str] = mapped_column(String(64))
    source_path: Mapped[str | None] = mapped_column(Text)
    mime: Mapped[str | None] = mapped_column(String(100))


class Action(Base):
    """One class of action, with the phrase that annotators read."""

    __tablename__ = "actions"

    action_id: Mapped[str] = mapped_column(String(400), primary_key=True)
    description: Mapped[str] = mapped_column(String(400))


class Clip(Base):
    """One occurrence of one action in one video; higher `priority` is handed out first.

    The frames of a gold clip have known answers and no slots: they are shown to many people, and
    never counted (R3).
    """

    __tablename__ = "clips"
    __table_args__ = (
        CheckConstraint("0 <= start_s AND start_s < end_s", name="segment"),
        Index(None, "priority", "clip_id"),
    )

    clip_id: Mapped[str] = mapped_column(String(600), primary_key=True)
    video_id: Mapped[str] = mapped_column(ForeignKey("videos.video_id"))
    action_id: Mapped[str] = mapped_column(ForeignKey("actions.action_id"))
    start_s: Mapped[float]
    end_s: Mapped[float]
    split: Mapped[str] = mapped_column(String(60))
    is_benchmark: Mapped[bool]
    priority: Mapped[int] = mapped_column(default=0)
    is_gold: Mapped[bool] = mapped_column(default=False, server_default=false())


class Frame(Base):
    """The image at one whole second of one clip, and how many answers it needs.

    What its answers agree on is written when it retires, and emptied when it opens again: see
    `agreement`. `settled_at` is when a reviewer said that its disagreement may stay.
    """

    __tablename__ = "frames"
    __table_args__ = (
        UniqueConstraint("clip_id", "second"),
        CheckConstraint("second >= 0", name="second"),
        CheckConstraint("redundancy >= 1", name="redundancy"),
        CheckConstraint("hint_quota BETWEEN 0 AND 3", name="hint_quota"),
        CheckConstraint("(retired_at IS NULL) = (retired_reason IS NULL)", name="retired"),
        partial_index("ix_frames_open", "clip_id", "second", where="retired_at IS NULL"),
        partial_index(
            "ix_frames_to_review",
            "disagreement",
            where="disagreement IS NOT NULL AND settled_at IS NULL",
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    clip_id: Mapped[str] = mapped_column(ForeignKey("clips.clip_id"))
    second: Mapped[int]
    timestamp_s: Mapped[float]
    image_sha256: Mapped[str] = mapped_column(String(64))
    is_middle_frame: Mapped[bool]
    redundancy: Mapped[int]
    hint_quota: Mapped[int]
    retired_at: Mapped[datetime | None]
    retired_reason: Mapped[str | None] = mapped_column(String(40))
    n_clicks: Mapped[int | None]
    n_not_visible: Mapped[int | None]
    n_close: Mapped[int | None]
    pairwise_distance: Mapped[float | None]
    disagreement: Mapped[float | None]
    settled_at: Mapped[datetime | None]


class Prelabel(Base):
    """A model's suggested centre for a frame; the newest row of a frame is the current one."""

    __tablename__ = "prelabels"
    __table_args__ = (
        UniqueConstraint("frame_id", "file_sha256"),
        CheckConstraint("x BETWEEN 0 AND 1 AND y BETWEEN 0 AND 1", name="point"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    frame_id: Mapped[int] = mapped_column(ForeignKey("frames.id"))
    file_sha256: Mapped[str] = mapped_column(String(64))
    model: Mapped[str] = mapped_column(String(200))
    checkpoint_digest: Mapped[str] = mapped_column(String(200))
    x: Mapped[float]
    y: Mapped[float]
    score: Mapped[float]
    imported_at: Mapped[datetime]


class Lease(Base):
    """A person's time-limited claim of some frames of one clip."""

    __tablename__ = "leases"
    __table_args__ = (
        # Targets of the composite foreign keys below: a slot or an answer cannot name a lease of
        # somebody else.
        UniqueConstraint("id", "person_id"),
        Index(None, "person_id", "expires_at"),
        Index(None, "person_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    clip_id: Mapped[str] = mapped_column(ForeignKey("clips.clip_id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    released_at: Mapped[datetime | None]


class LeaseFrame(Base):
    """A frame that a lease offered, in which arm, and the prelabel that the arm was drawn for."""

    __tablename__ = "lease_frames"
    __table_args__ = (one_of("arm", (ASSISTED, BLIND)),)

    lease_id: Mapped[int] = mapped_column(ForeignKey("leases.id"), primary_key=True)
    frame_id: Mapped[int] = mapped_column(ForeignKey("frames.id"), primary_key=True, index=True)
    arm: Mapped[str | None] = mapped_column(String(10))
    prelabel_id: Mapped[int | None] = mapped_column(ForeignKey("prelabels.id"))


class Slot(Base):
    """One of the answers that a frame needs; see the module for its three states.

    `arm` and `prelabel_id` are set once the arm was drawn, and stay when the slot changes hands.
    """

    __tablename__ = "slots"
    __table_args__ = (
        UniqueConstraint("frame_id", "k"),
        UniqueConstraint("id", "frame_id"),
        ForeignKeyConstraint(["lease_id", "person_id"], ["leases.id", "leases.person_id"]),
        CheckConstraint("k >= 0", name="k"),
        CheckConstraint("lease_id IS NULL OR person_id IS NOT NULL", name="lease_has_person"),
        CheckConstraint("(arm IS NULL) = (prelabel_id IS NULL)", name="arm_has_prelabel"),
        one_of("arm", (ASSISTED, BLIND)),
        partial_index(
            "uq_slots_held", "frame_id", "person_id", where="person_id IS NOT NULL", unique=True
        ),
        partial_index("ix_slots_leased", "person_id", "lease_id", where="lease_id IS NOT NULL"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    frame_id: Mapped[int] = mapped_column(ForeignKey("frames.id"))
    k: Mapped[int]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    lease_id: Mapped[int | None]
    arm: Mapped[str | None] = mapped_column(String(10))
    prelabel_id: Mapped[int | None] = mapped_column(ForeignKey("prelabels.id"))


class Answer(Base):
    """What one person says of one frame: a click (x and y) or "not visible" (neither)."""

    __tablename__ = "answers"
    __table_args__ = (
        ForeignKeyConstraint(["slot_id", "frame_id"], ["slots.id", "slots.frame_id"]),
        ForeignKeyConstraint(["lease_id", "person_id"], ["leases.id", "leases.person_id"]),
        ForeignKeyConstraint(
            ["lease_id", "frame_id"], ["lease_frames.lease_id", "lease_frames.frame_id"]
        ),
        UniqueConstraint("person_id", "idempotency_key"),
        CheckConstraint("(x IS NULL) = (y IS NULL)", name="both_or_neither"),
        CheckConstraint("x BETWEEN 0 AND 1 AND y BETWEEN 0 AND 1", name="point"),
        one_of("arm", (ASSISTED, BLIND)),
        one_of("pointer", POINTERS),
        partial_index(
            "uq_answers_active_person", "frame_id", "person_id", where=IS_ACTIVE, unique=True
        ),
        partial_index("uq_answers_active_slot", "slot_id", where=IS_ACTIVE, unique=True),
        partial_index("ix_answers_active_by_person", "person_id", "id", where=IS_ACTIVE),
        partial_index("ix_answers_active_by_time", "created_at", where=IS_ACTIVE),
        Index(None, "frame_id", "person_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    slot_id: Mapped[int]
    frame_id: Mapped[int] = mapped_column(ForeignKey("frames.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    lease_id: Mapped[int]
    x: Mapped[float | None]
    y: Mapped[float | None]
    idempotency_key: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    set_aside_at: Mapped[datetime | None]
    supersedes_id: Mapped[int | None] = mapped_column(ForeignKey("answers.id"))

    ms_since_paint: Mapped[int | None]
    ms_taken: Mapped[int | None]
    pointer: Mapped[str | None] = mapped_column(String(10))
    display_width: Mapped[int | None]
    display_height: Mapped[int | None]
    device_pixel_ratio: Mapped[float | None]
    zoom: Mapped[float | None]
    context_ms: Mapped[int | None]

    # Kept for both arms, so that the blind arm's distance to the hint it did not see is known.
    arm: Mapped[str | None] = mapped_column(String(10))
    prelabel_id: Mapped[int | None] = mapped_column(ForeignKey("prelabels.id"))
    hint_x: Mapped[float | None]
    hint_y: Mapped[float | None]
    hint_score: Mapped[float | None]
    hint_taken_by_key: Mapped[bool | None]
    hint_distance: Mapped[float | None]


ANSWER_IS_ACTIVE = and_(Answer.superseded_at.is_(None), Answer.set_aside_at.is_(None))
"""The unit of the promise is the active answer (R1)."""


class Skip(Base):
    """A person passed a frame on to others, and why; no answer (R6)."""

    __tablename__ = "skips"
    __table_args__ = (
        one_of("reason", SKIP_REASONS),
        partial_index(
            "uq_skips_active", "frame_id", "person_id", where="undone_at IS NULL", unique=True
        ),
        Index(None, "frame_id", "person_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    frame_id: Mapped[int] = mapped_column(ForeignKey("frames.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    lease_id: Mapped[int] = mapped_column(ForeignKey("leases.id"))
    reason: Mapped[str] = mapped_column(String(20))
    comment: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime]
    undone_at: Mapped[datetime | None]
