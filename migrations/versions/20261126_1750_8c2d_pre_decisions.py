"""The decision log.

Revision: 8c2d, after e7c2
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from funkhaus.storage import walls

revision = "8c2d"
down_revision = "e7c2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    texts = (
        *("id", "revision", "namespace", "kind", "name", "review", "subject", "operation"),
        *("outcome",),
    )
    op.create_table(
        "decisions",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, sa.Identity(always=True), nullable=False),
        *[sa.Column(name, sa.Text, nullable=False) for name in texts],
        sa.Column("findings", postgresql.JSONB, nullable=False),
        sa.Column("input", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dry_run", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "sequence", name="pk_decisions"),
    )
    op.create_index("ix_decisions_at", "decisions", ["at"])
    for statement in walls.walled(
        "decisions", tenant="SELECT, DELETE", platform="SELECT, INSERT, DELETE"
    ):
        op.execute(statement)


def downgrade() -> None:
    for statement in walls.razed("decisions"):
        op.execute(statement)
    op.drop_table("decisions")
