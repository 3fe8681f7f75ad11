"""An index of the active answers by time, for counting a day's work without reading all of them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

IS_ACTIVE = "superseded_at IS NULL AND set_aside_at IS NULL"


def upgrade() -> None:
    op.create_index(
        "ix_answers_active_by_time",
        "answers",
        ["created_at"],
        sqlite_where=sa.text(IS_ACTIVE),
        postgresql_where=sa.text(IS_ACTIVE),
    )


def downgrade() -> None:
    op.drop_index("ix_answers_active_by_time", "answers")
