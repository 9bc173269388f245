"""Requests for tenants above self-service.

Revision: c3d7, after c30d
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from funkhaus.storage import walls

revision = "c3d7"
down_revision = "c30d"
branch_labels = None
depends_on = None

TABLE = "tenant_requests"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("wanted", sa.Text, nullable=False),
        sa.Column("plan_id", sa.Text, nullable=False),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("decided_by", sa.Text, nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.Column("note", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tenant_requests"),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name="fk_tenant_requests_plan_id_plans"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_tenant_requests_user_id_users"),
    )
    op.create_index("ix_tenant_requests_user_id_requested_at", TABLE, ["user_id", "requested_at"])
    op.create_index("ix_tenant_requests_state_requested_at", TABLE, ["state", "requested_at"])
    granted = "SELECT, INSERT, UPDATE (state, decided_by, decided_at, note)"
    for statement in walls.opened(TABLE, platform=granted):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table(TABLE)
