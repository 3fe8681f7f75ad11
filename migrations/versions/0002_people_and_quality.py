"""People's ways in, gold frames and qualification, jobs, and what frames agree on."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

NEW_TABLES = (
    "gold_answers",
    "qualification_answers",
    "gold_frames",
    "panel_visits",
    "jobs",
    "api_tokens",
    "sign_in_attempts",
)
TO_REVIEW = "disagreement IS NOT NULL AND settled_at IS NULL"


def new_columns() -> dict[str, list[sa.Column]]:
    """Return fresh columns by table: a column belongs to the one table it was added to."""
    return {
        "answers": [sa.Column("zoom", sa.Double()), sa.Column("context_ms", sa.Integer())],
        "clips": [sa.Column("is_gold", sa.Boolean(), server_default=sa.false(), nullable=False)],
        "frames": [
            sa.Column("n_clicks", sa.Integer()),
            sa.Column("n_not_visible", sa.Integer()),
            sa.Column("n_close", sa.Integer()),
            sa.Column("pairwise_distance", sa.Double()),
            sa.Column("disagreement", sa.Double()),
            sa.Column("settled_at", sa.DateTime(timezone=True)),
        ],
        "invites": [sa.Column("expires_at", sa.DateTime(timezone=True))],
        "videos": [sa.Column("source_path", sa.Text()), sa.Column("mime", sa.String(length=100))],
    }


def columns_of_people() -> list[sa.Column]:
    """Return the fresh columns of people, whose table is copied for its new checks."""
    return [
        sa.Column("email", sa.String(length=320)),
        sa.Column("password_hash", sa.String(length=200)),
        sa.Column("panel", sa.String(length=40)),
        sa.Column("panel_id", sa.String(length=200)),
        sa.Column("session_version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("introduced_at", sa.DateTime(timezone=True)),
        sa.Column("qualified_at", sa.DateTime(timezone=True)),
        sa.Column("paused_at", sa.DateTime(timezone=True)),
        sa.Column("paused_reason", sa.String(length=200)),
        sa.Column("forgotten_at", sa.DateTime(timezone=True)),
    ]


def where(condition: str) -> dict[str, sa.TextClause]:
    """Return the arguments of an index over the rows where a condition holds."""
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    for table, columns in new_columns().items():
        for column in columns:
            op.add_column(table, column)
    op.create_index("ix_frames_to_review", "frames", ["disagreement"], **where(TO_REVIEW))
    with op.batch_alter_table("people") as people:
        for column in columns_of_people():
            people.add_column(column)
        people.drop_constraint(op.f("ck_people_known_role"), type_="check")
        people.create_check_constraint(
            op.f("ck_people_known_role"),
            "role IN ('annotator', 'reviewer', 'maintainer', 'model')",
        )
        people.create_check_constraint(
            op.f("ck_people_panel_has_id"), "(panel IS NULL) = (panel_id IS NULL)"
        )
        people.create_check_constraint(
            op.f("ck_people_paused"), "(paused_at IS NULL) = (paused_reason IS NULL)"
        )
        people.create_unique_constraint(op.f("uq_people_email"), ["email"])
        people.create_unique_constraint(op.f("uq_people_panel_panel_id"), ["panel", "panel_id"])
    op.create_table(
        "sign_in_attempts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_attempts")),
    )
    op.create_index(op.f("ix_sign_in_attempts_key_at"), "sign_in_attempts", ["key", "at"])

    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_api_tokens_person_id_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_api_tokens_token_sha256")),
    )
    op.create_index(op.f("ix_api_tokens_person_id"), "api_tokens", ["person_id"])

    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("arguments", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("worked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("n_done", sa.Integer(), nullable=False),
        sa.Column("n_total", sa.Integer(), nullable=True),
        sa.Column("message", sa.String(length=400), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'done', 'failed')", name=op.f("ck_jobs_known_state")
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["people.id"], name=op.f("fk_jobs_created_by_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index(op.f("ix_jobs_state_id"), "jobs", ["state", "id"])

    op.create_table(
        "panel_visits",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("panel", sa.String(length=40), nullable=False),
        sa.Column("study_id", sa.String(length=200), nullable=False),
        sa.Column("submission_id", sa.String(length=200), nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_as", sa.String(length=20), nullable=True),
        sa.CheckConstraint(
            "ended_as IN ('completed', 'returned', 'timed_out', 'rejected')",
            name=op.f("ck_panel_visits_known_ended_as"),
        ),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (ended_as IS NULL)", name=op.f("ck_panel_visits_ended")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_panel_visits_person_id_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_panel_visits")),
        sa.UniqueConstraint(
            "panel", "submission_id", name=op.f("uq_panel_visits_panel_submission_id")
        ),
    )
    op.create_index(op.f("ix_panel_visits_person_id"), "panel_visits", ["person_id"])

    op.create_table(
        "gold_frames",
        sa.Column("frame_id", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("x", sa.Double(), nullable=True),
        sa.Column("y", sa.Double(), nullable=True),
        sa.Column("tolerance", sa.Double(), nullable=False),
        sa.Column("note", sa.String(length=400), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "purpose IN ('hidden', 'qualification')", name=op.f("ck_gold_frames_known_purpose")
        ),
        sa.CheckConstraint(
            "(x IS NULL) = (y IS NULL)", name=op.f("ck_gold_frames_both_or_neither")
        ),
        sa.CheckConstraint("tolerance > 0", name=op.f("ck_gold_frames_tolerance")),
        sa.CheckConstraint(
            "x BETWEEN 0 AND 1 AND y BETWEEN 0 AND 1", name=op.f("ck_gold_frames_point")
        ),
        sa.ForeignKeyConstraint(
            ["frame_id"], ["frames.id"], name=op.f("fk_gold_frames_frame_id_frames")
        ),
        sa.PrimaryKeyConstraint("frame_id", name=op.f("pk_gold_frames")),
    )
    op.create_table(
        "qualification_answers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("frame_id", sa.Integer(), nullable=False),
        sa.Column("x", sa.Double(), nullable=True),
        sa.Column("y", sa.Double(), nullable=True),
        sa.Column("is_right", sa.Boolean(), nullable=False),
        sa.Column("distance", sa.Double(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(x IS NULL) = (y IS NULL)", name=op.f("ck_qualification_answers_both_or_neither")
        ),
        sa.CheckConstraint(
            "x BETWEEN 0 AND 1 AND y BETWEEN 0 AND 1", name=op.f("ck_qualification_answers_point")
        ),
        sa.ForeignKeyConstraint(
            ["frame_id"],
            ["gold_frames.frame_id"],
            name=op.f("fk_qualification_answers_frame_id_gold_frames"),
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_qualification_answers_person_id_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_qualification_answers")),
        sa.UniqueConstraint(
            "person_id",
            "attempt",
            "frame_id",
            name=op.f("uq_qualification_answers_person_id_attempt_frame_id"),
        ),
    )
    op.create_table(
        "gold_answers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("frame_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("lease_id", sa.Integer(), nullable=False),
        sa.Column("x", sa.Double(), nullable=True),
        sa.Column("y", sa.Double(), nullable=True),
        sa.Column("idempotency_key", sa.String(length=128), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_right", sa.Boolean(), nullable=False),
        sa.Column("distance", sa.Double(), nullable=True),
        sa.Column("ms_since_paint", sa.Integer(), nullable=True),
        sa.Column("ms_taken", sa.Integer(), nullable=True),
        sa.Column("pointer", sa.String(length=10), nullable=True),
        sa.CheckConstraint(
            "pointer IN ('mouse', 'touch', 'pen', 'keyboard')",
            name=op.f("ck_gold_answers_known_pointer"),
        ),
        sa.CheckConstraint(
            "(x IS NULL) = (y IS NULL)", name=op.f("ck_gold_answers_both_or_neither")
        ),
        sa.CheckConstraint(
            "x BETWEEN 0 AND 1 AND y BETWEEN 0 AND 1", name=op.f("ck_gold_answers_point")
        ),
        sa.ForeignKeyConstraint(
            ["frame_id"],
            ["gold_frames.frame_id"],
            name=op.f("fk_gold_answers_frame_id_gold_frames"),
        ),
        sa.ForeignKeyConstraint(
            ["lease_id", "frame_id"],
            ["lease_frames.lease_id", "lease_frames.frame_id"],
            name=op.f("fk_gold_answers_lease_id_frame_id_lease_frames"),
        ),
        sa.ForeignKeyConstraint(
            ["lease_id", "person_id"],
            ["leases.id", "leases.person_id"],
            name=op.f("fk_gold_answers_lease_id_person_id_leases"),
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_gold_answers_person_id_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gold_answers")),
        sa.UniqueConstraint(
            "person_id", "idempotency_key", name=op.f("uq_gold_answers_person_id_idempotency_key")
        ),
    )
    op.create_index(op.f("ix_gold_answers_frame_id"), "gold_answers", ["frame_id"])
    op.create_index(
        "uq_gold_answers_active",
        "gold_answers",
        ["person_id", "frame_id"],
        unique=True,
        **where("superseded_at IS NULL"),
    )


def downgrade() -> None:
    for table in NEW_TABLES:
        op.drop_table(table)
    # The first schema knows two roles: reviewers become annotators, models go on as nobody.
    op.execute("UPDATE people SET role = 'annotator' WHERE role IN ('reviewer', 'model')")
    with op.batch_alter_table("people") as people:
        people.drop_constraint(op.f("uq_people_panel_panel_id"), type_="unique")
        people.drop_constraint(op.f("uq_people_email"), type_="unique")
        for name in ("known_role", "panel_has_id", "paused"):
            people.drop_constraint(op.f(f"ck_people_{name}"), type_="check")
        people.create_check_constraint(
            op.f("ck_people_known_role"), "role IN ('annotator', 'maintainer')"
        )
        for column in columns_of_people():
            people.drop_column(column.name)
    op.drop_index("ix_frames_to_review", table_name="frames")
    for table, columns in new_columns().items():
        for column in columns:
            op.drop_column(table, column.name)
