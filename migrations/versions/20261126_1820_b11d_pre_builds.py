"""Builds that began, for counting them by the day.

Revision: b11d, after 8c2d
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from funkhaus.storage import walls

revision = "b11d"
down_revision = "8c2d"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "builds",
        *[sa.Column(name, sa.Text, nullable=False) for name in ("tenant_id", "job", "namespace")],
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "job", name="pk_builds"),
    )
    op.create_index("ix_builds_tenant_id_began_at", "builds", ["tenant_id", "began_at"])
    for statement in walls.walled("builds", tenant="SELECT, INSERT, DELETE", platform="SELECT"):
        op.execute(statement)


def downgrade() -> None:
    for statement in walls.razed("builds"):
        op.execute(statement)
    op.drop_table("builds")
