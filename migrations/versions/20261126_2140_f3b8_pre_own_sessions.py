"""Sessions say which program got them and when they were last used.

Revision: f3b8
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from funkhaus.storage import walls

revision = "f3b8"
down_revision = "d8a3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("client", sa.Text, nullable=False, server_default=""))
    op.add_column("sessions", sa.Column("last_used_at", sa.DateTime(timezone=True)))
    for statement in walls.opened("sessions", platform="UPDATE (last_used_at)"):
        op.execute(statement)


def downgrade() -> None:
    op.execute(f"REVOKE UPDATE (last_used_at) ON sessions FROM {walls.PLATFORM_ROLE}")
    for name in ("last_used_at", "client"):
        op.drop_column("sessions", name)
