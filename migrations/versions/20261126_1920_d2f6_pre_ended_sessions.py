"""Sessions and credentials for kubectl that ended are deleted.

Revision: d2f6
"""

from __future__ import annotations

from alembic import op

from funkhaus.storage import walls

revision = "d2f6"
down_revision = "b9e4"
branch_labels = None
depends_on = None

TABLES = ("sessions", "kubectl_credentials")


def upgrade() -> None:
    for table in TABLES:
        op.create_index(f"ix_{table}_expires_at", table, ["expires_at"])
    for statement in walls.opened("sessions", platform="DELETE"):
        op.execute(statement)


def downgrade() -> None:
    op.execute(f"REVOKE DELETE ON sessions FROM {walls.PLATFORM_ROLE}")
    for table in TABLES:
        op.drop_index(f"ix_{table}_expires_at", table)
