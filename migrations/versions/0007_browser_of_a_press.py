"""In which browser an invite was used or a visit begun, so that a press sent twice counts once."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

TABLES = ("invites", "panel_visits")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("browser_sha256", sa.String(64)))


def downgrade() -> None:
    for table in TABLES:
        with op.batch_alter_table(table) as changed:
            changed.drop_column("browser_sha256")
