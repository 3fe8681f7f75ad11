"""Indexes for what a person holds and was leased last, whatever they have done before."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

WHERE = {
    "sqlite_where": sa.text("lease_id IS NOT NULL"),
    "postgresql_where": sa.text("lease_id IS NOT NULL"),
}


def upgrade() -> None:
    op.drop_index("ix_slots_leased", "slots")
    op.create_index("ix_slots_leased", "slots", ["person_id", "lease_id"], **WHERE)
    op.create_index(op.f("ix_leases_person_id_id"), "leases", ["person_id", "id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_leases_person_id_id"), "leases")
    op.drop_index("ix_slots_leased", "slots")
    op.create_index("ix_slots_leased", "slots", ["lease_id"], **WHERE)
