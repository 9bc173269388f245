"""Who suspended a tenant or asked for its end, and why; what may be done about either, and what goes at the end.

Revision: 4a6d, after 5e1f
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from funkhaus.storage import walls

revision = "4a6d"
down_revision = "5e1f"
branch_labels = None
depends_on = None

STANDING = (
    "suspended_at, suspended_for, suspended_by, delete_after, delete_asked_at, delete_asked_by, delete_reason, "
    "delete_by_platform, deleted_at"
)


def upgrade() -> None:
    op.add_column("tenants", sa.Column("suspended_by", sa.Text, nullable=False, server_default=""))
    op.add_column("tenants", sa.Column("delete_asked_at", sa.DateTime(timezone=True)))
    for name in ("delete_asked_by", "delete_reason"):
        op.add_column("tenants", sa.Column(name, sa.Text, nullable=False, server_default=""))
    op.add_column(
        "tenants",
        sa.Column("delete_by_platform", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    for statement in walls.opened("tenants", tenant=f"UPDATE ({STANDING})"):
        op.execute(statement)


def downgrade() -> None:
    op.execute(f"REVOKE UPDATE ({STANDING}) ON tenants FROM {walls.TENANT_ROLE}")
    for name in (
        "delete_by_platform",
        "delete_reason",
        "delete_asked_by",
        "delete_asked_at",
        "suspended_by",
    ):
        op.drop_column("tenants", name)
