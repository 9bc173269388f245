"""Users the platform lets in no more.

Revision: e51a, after c3d7
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from funkhaus.storage import walls

revision = "e51a"
down_revision = "c3d7"
branch_labels = None
depends_on = None

COLUMNS = "disabled_at, disabled_for, disabled_by"


def upgrade() -> None:
    op.add_column("users", sa.Column("disabled_at", sa.DateTime(timezone=True)))
    for name in ("disabled_for", "disabled_by"):
        op.add_column("users", sa.Column(name, sa.Text, nullable=False, server_default=""))
    for statement in walls.opened("users", platform=f"UPDATE ({COLUMNS})"):
        op.execute(statement)


def downgrade() -> None:
    op.execute(f"REVOKE UPDATE ({COLUMNS}) ON users FROM {walls.PLATFORM_ROLE}")
    for name in ("disabled_by", "disabled_for", "disabled_at"):
        op.drop_column("users", name)
