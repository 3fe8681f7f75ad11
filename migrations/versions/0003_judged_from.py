"""From when on a person's gold answers count, so that going on after a pause starts anew."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("people", sa.Column("judged_from", sa.DateTime(timezone=True)))


def downgrade() -> None:
    with op.batch_alter_table("people") as people:
        people.drop_column("judged_from")
