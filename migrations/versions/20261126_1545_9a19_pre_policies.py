"""Policy sets, and when each was put in force.

Revision: 9a19, after e51a
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from funkhaus.storage import walls

revision = "9a19"
down_revision = "e51a"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "policy_sets",
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("files", postgresql.JSONB, nullable=False),
        sa.Column(
            "added_at",
            sa.DateTime(timezone=True),
            server_default=sa.func.clock_timestamp(),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("revision", name="pk_policy_sets"),
    )
    op.create_table(
        "policy_activations",
        sa.Column("sequence", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_policy_activations"),
        sa.ForeignKeyConstraint(
            ["revision"],
            ["policy_sets.revision"],
            name="fk_policy_activations_revision_policy_sets",
        ),
    )
    for table in ("policy_sets", "policy_activations"):
        for statement in walls.opened(table, platform="SELECT, INSERT"):
            op.execute(statement)


def downgrade() -> None:
    op.drop_table("policy_activations")
    op.drop_table("policy_sets")
