"""The first schema: people, clips and frames, leases and slots, answers, prelabels, snapshots."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

IS_ACTIVE = "superseded_at IS NULL AND set_aside_at IS NULL"


def where(condition: str) -> dict[str, sa.TextClause]:
    """Return the arguments of an index over the rows where a condition holds."""
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    op.create_table(
        "actions",
        sa.Column("action_id", sa.String(length=400), nullable=False),
        sa.Column("description", sa.String(length=400), nullable=False),
        sa.PrimaryKeyConstraint("action_id", name=op.f("pk_actions")),
    )
    op.create_table(
        "people",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consented_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "role IN ('annotator', 'maintainer')", name=op.f("ck_people_known_role")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
        sa.UniqueConstraint("name", name=op.f("uq_people_name")),
    )
    op.create_table(
        "snapshots",
        sa.Column("snapshot_id", sa.String(length=60), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("snapshot_id", name=op.f("pk_snapshots")),
    )
    op.create_table(
        "videos",
        sa.Column("video_id", sa.String(length=128), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("video_id", name=op.f("pk_videos")),
    )
    op.create_table(
        "audit_log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("what", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_audit_log_person_id_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_table(
        "clips",
        sa.Column("clip_id", sa.String(length=600), nullable=False),
        sa.Column("video_id", sa.String(length=128), nullable=False),
        sa.Column("action_id", sa.String(length=400), nullable=False),
        sa.Column("start_s", sa.Double(), nullable=False),
        sa.Column("end_s", sa.Double(), nullable=False),
        sa.Column("split", sa.String(length=60), nullable=False),
        sa.Column("is_benchmark", sa.Boolean(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.CheckConstraint("0 <= start_s AND start_s < end_s", name=op.f("ck_clips_segment")),
        sa.ForeignKeyConstraint(
            ["action_id"], ["actions.action_id"], name=op.f("fk_clips_action_id_actions")
        ),
        sa.ForeignKeyConstraint(
            ["video_id"], ["videos.video_id"], name=op.f("fk_clips_video_id_videos")
        ),
        sa.PrimaryKeyConstraint("clip_id", name=op.f("pk_clips")),
    )
    op.create_index(op.f("ix_clips_priority_clip_id"), "clips", ["priority", "clip_id"])
    op.create_table(
        "invites",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_invites_person_id_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invites")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_invites_token_sha256")),
    )
    op.create_table(
        "frames",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("clip_id", sa.String(length=600), nullable=False),
        sa.Column("second", sa.Integer(), nullable=False),
        sa.Column("timestamp_s", sa.Double(), nullable=False),
        sa.Column("image_sha256", sa.String(length=64), nullable=False),
        sa.Column("is_middle_frame", sa.Boolean(), nullable=False),
        sa.Column("redundancy", sa.Integer(), nullable=False),
        sa.Column("hint_quota", sa.Integer(), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retired_reason", sa.String(length=40), nullable=True),
        sa.CheckConstraint(
            "(retired_at IS NULL) = (retired_reason IS NULL)", name=op.f("ck_frames_retired")
        ),
        sa.CheckConstraint("hint_quota BETWEEN 0 AND 3", name=op.f("ck_frames_hint_quota")),
        sa.CheckConstraint("redundancy >= 1", name=op.f("ck_frames_redundancy")),
        sa.CheckConstraint("second >= 0", name=op.f("ck_frames_second")),
        sa.ForeignKeyConstraint(
            ["clip_id"], ["clips.clip_id"], name=op.f("fk_frames_clip_id_clips")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_frames")),
        sa.UniqueConstraint("clip_id", "second", name=op.f("uq_frames_clip_id_second")),
    )
    op.create_index(
        "ix_frames_open", "frames", ["clip_id", "second"], **where("retired_at IS NULL")
    )
    op.create_table(
        "leases",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("clip_id", sa.String(length=600), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["clip_id"], ["clips.clip_id"], name=op.f("fk_leases_clip_id_clips")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_leases_person_id_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leases")),
        sa.UniqueConstraint("id", "person_id", name=op.f("uq_leases_id_person_id")),
    )
    op.create_index(op.f("ix_leases_person_id_expires_at"), "leases", ["person_id", "expires_at"])
    op.create_table(
        "prelabels",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("frame_id", sa.Integer(), nullable=False),
        sa.Column("file_sha256", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("checkpoint_digest", sa.String(length=200), nullable=False),
        sa.Column("x", sa.Double(), nullable=False),
        sa.Column("y", sa.Double(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "x BETWEEN 0 AND 1 AND y BETWEEN 0 AND 1", name=op.f("ck_prelabels_point")
        ),
        sa.ForeignKeyConstraint(
            ["frame_id"], ["frames.id"], name=op.f("fk_prelabels_frame_id_frames")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prelabels")),
        sa.UniqueConstraint(
            "frame_id", "file_sha256", name=op.f("uq_prelabels_frame_id_file_sha256")
        ),
    )
    op.create_table(
        "skips",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("frame_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("lease_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("comment", sa.String(length=500), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "reason IN ('cannot_tell', 'wrong_action', 'broken_image', 'other')",
            name=op.f("ck_skips_known_reason"),
        ),
        sa.ForeignKeyConstraint(["frame_id"], ["frames.id"], name=op.f("fk_skips_frame_id_frames")),
        sa.ForeignKeyConstraint(["lease_id"], ["leases.id"], name=op.f("fk_skips_lease_id_leases")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_skips_person_id_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_skips")),
    )
    op.create_index(op.f("ix_skips_frame_id_person_id"), "skips", ["frame_id", "person_id"])
    op.create_index(
        "uq_skips_active",
        "skips",
        ["frame_id", "person_id"],
        unique=True,
        **where("undone_at IS NULL"),
    )
    op.create_table(
        "lease_frames",
        sa.Column("lease_id", sa.Integer(), nullable=False),
        sa.Column("frame_id", sa.Integer(), nullable=False),
        sa.Column("arm", sa.String(length=10), nullable=True),
        sa.Column("prelabel_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("arm IN ('assisted', 'blind')", name=op.f("ck_lease_frames_known_arm")),
        sa.ForeignKeyConstraint(
            ["frame_id"], ["frames.id"], name=op.f("fk_lease_frames_frame_id_frames")
        ),
        sa.ForeignKeyConstraint(
            ["lease_id"], ["leases.id"], name=op.f("fk_lease_frames_lease_id_leases")
        ),
        sa.ForeignKeyConstraint(
            ["prelabel_id"], ["prelabels.id"], name=op.f("fk_lease_frames_prelabel_id_prelabels")
        ),
        sa.PrimaryKeyConstraint("lease_id", "frame_id", name=op.f("pk_lease_frames")),
    )
    op.create_index(op.f("ix_lease_frames_frame_id"), "lease_frames", ["frame_id"])
    op.create_table(
        "slots",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("frame_id", sa.Integer(), nullable=False),
        sa.Column("k", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("lease_id", sa.Integer(), nullable=True),
        sa.Column("arm", sa.String(length=10), nullable=True),
        sa.Column("prelabel_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("arm IN ('assisted', 'blind')", name=op.f("ck_slots_known_arm")),
        sa.CheckConstraint(
            "(arm IS NULL) = (prelabel_id IS NULL)", name=op.f("ck_slots_arm_has_prelabel")
        ),
        sa.CheckConstraint("k >= 0", name=op.f("ck_slots_k")),
        sa.CheckConstraint(
            "lease_id IS NULL OR person_id IS NOT NULL", name=op.f("ck_slots_lease_has_person")
        ),
        sa.ForeignKeyConstraint(["frame_id"], ["frames.id"], name=op.f("fk_slots_frame_id_frames")),
        sa.ForeignKeyConstraint(
            ["lease_id", "person_id"],
            ["leases.id", "leases.person_id"],
            name=op.f("fk_slots_lease_id_person_id_leases"),
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_slots_person_id_people")
        ),
        sa.ForeignKeyConstraint(
            ["prelabel_id"], ["prelabels.id"], name=op.f("fk_slots_prelabel_id_prelabels")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slots")),
        sa.UniqueConstraint("frame_id", "k", name=op.f("uq_slots_frame_id_k")),
        sa.UniqueConstraint("id", "frame_id", name=op.f("uq_slots_id_frame_id")),
    )
    op.create_index("ix_slots_leased", "slots", ["lease_id"], **where("lease_id IS NOT NULL"))
    op.create_index(
        "uq_slots_held",
        "slots",
        ["frame_id", "person_id"],
        unique=True,
        **where("person_id IS NOT NULL"),
    )
    op.create_table(
        "answers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slot_id", sa.Integer(), nullable=False),
        sa.Column("frame_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("lease_id", sa.Integer(), nullable=False),
        sa.Column("x", sa.Double(), nullable=True),
        sa.Column("y", sa.Double(), nullable=True),
        sa.Column("idempotency_key", sa.String(length=128), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("set_aside_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("supersedes_id", sa.Integer(), nullable=True),
        sa.Column("ms_since_paint", sa.Integer(), nullable=True),
        sa.Column("ms_taken", sa.Integer(), nullable=True),
        sa.Column("pointer", sa.String(length=10), nullable=True),
        sa.Column("display_width", sa.Integer(), nullable=True),
        sa.Column("display_height", sa.Integer(), nullable=True),
        sa.Column("device_pixel_ratio", sa.Double(), nullable=True),
        sa.Column("arm", sa.String(length=10), nullable=True),
        sa.Column("prelabel_id", sa.Integer(), nullable=True),
        sa.Column("hint_x", sa.Double(), nullable=True),
        sa.Column("hint_y", sa.Double(), nullable=True),
        sa.Column("hint_score", sa.Double(), nullable=True),
        sa.Column("hint_taken_by_key", sa.Boolean(), nullable=True),
        sa.Column("hint_distance", sa.Double(), nullable=True),
        sa.CheckConstraint("arm IN ('assisted', 'blind')", name=op.f("ck_answers_known_arm")),
        sa.CheckConstraint(
            "pointer IN ('mouse', 'touch', 'pen', 'keyboard')",
            name=op.f("ck_answers_known_pointer"),
        ),
        sa.CheckConstraint("(x IS NULL) = (y IS NULL)", name=op.f("ck_answers_both_or_neither")),
        sa.CheckConstraint(
            "x BETWEEN 0 AND 1 AND y BETWEEN 0 AND 1", name=op.f("ck_answers_point")
        ),
        sa.ForeignKeyConstraint(
            ["frame_id"], ["frames.id"], name=op.f("fk_answers_frame_id_frames")
        ),
        sa.ForeignKeyConstraint(
            ["lease_id", "frame_id"],
            ["lease_frames.lease_id", "lease_frames.frame_id"],
            name=op.f("fk_answers_lease_id_frame_id_lease_frames"),
        ),
        sa.ForeignKeyConstraint(
            ["lease_id", "person_id"],
            ["leases.id", "leases.person_id"],
            name=op.f("fk_answers_lease_id_person_id_leases"),
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_answers_person_id_people")
        ),
        sa.ForeignKeyConstraint(
            ["prelabel_id"], ["prelabels.id"], name=op.f("fk_answers_prelabel_id_prelabels")
        ),
        sa.ForeignKeyConstraint(
            ["slot_id", "frame_id"],
            ["slots.id", "slots.frame_id"],
            name=op.f("fk_answers_slot_id_frame_id_slots"),
        ),
        sa.ForeignKeyConstraint(
            ["supersedes_id"], ["answers.id"], name=op.f("fk_answers_supersedes_id_answers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_answers")),
        sa.UniqueConstraint(
            "person_id", "idempotency_key", name=op.f("uq_answers_person_id_idempotency_key")
        ),
    )
    op.create_index(
        "ix_answers_active_by_person", "answers", ["person_id", "id"], **where(IS_ACTIVE)
    )
    op.create_index(op.f("ix_answers_frame_id_person_id"), "answers", ["frame_id", "person_id"])
    op.create_index(
        "uq_answers_active_person",
        "answers",
        ["frame_id", "person_id"],
        unique=True,
        **where(IS_ACTIVE),
    )
    op.create_index(
        "uq_answers_active_slot", "answers", ["slot_id"], unique=True, **where(IS_ACTIVE)
    )


def downgrade() -> None:
    for table in (
        "answers",
        "slots",
        "lease_frames",
        "skips",
        "prelabels",
        "leases",
        "frames",
        "invites",
        "clips",
        "audit_log",
        "videos",
        "snapshots",
        "people",
        "actions",
    ):
        op.drop_table(table)
