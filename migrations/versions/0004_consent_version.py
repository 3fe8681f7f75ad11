"""Which text a person agreed to, so that a new one is shown to everybody again."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("people", sa.Column("consent_version", sa.String(20)))


def downgrade() -> None:
    with op.batch_alter_table("people") as people:
        people.drop_column("consent_version")
