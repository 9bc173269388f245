"""A tenant's plan and host suffixes can be changed.

Revision: b7e4
"""

from __future__ import annotations

from alembic import op

revision = "b7e4"
down_revision = "a6d9"
branch_labels = None
depends_on = None

GRANTS = ("UPDATE (plan_id) ON tenants", "INSERT ON host_suffixes")
ROLE = "funkhaus_tenant"


def upgrade() -> None:
    for words in GRANTS:
        op.execute(f"GRANT {words} TO {ROLE}")


def downgrade() -> None:
    for words in GRANTS:
        op.execute(f"REVOKE {words} FROM {ROLE}")
