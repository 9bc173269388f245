"""What the end of a tenant takes away, and which tenants are due.

Revision: 7b2e, after 4a6d
"""

from __future__ import annotations

from alembic import op

from funkhaus.storage import walls

revision = "7b2e"
down_revision = "4a6d"
branch_labels = None
depends_on = None

MORE = {
    "invitations": "DELETE",
    "quotas": "DELETE",
    "tenant_quotas": "DELETE",
    "quota_requests": "DELETE",
    "host_suffixes": "DELETE",
    "outbox": "SELECT (tenant_id)",
}


def upgrade() -> None:
    op.create_index("ix_tenants_delete_after", "tenants", ["delete_after"])
    for table, verb in MORE.items():
        for statement in walls.opened(table, tenant=verb):
            op.execute(statement)


def downgrade() -> None:
    for table, verb in MORE.items():
        op.execute(f"REVOKE {verb} ON {table} FROM {walls.TENANT_ROLE}")
    op.drop_index("ix_tenants_delete_after", "tenants")
