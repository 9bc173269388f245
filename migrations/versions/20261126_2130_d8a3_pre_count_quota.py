"""Overrides and requests say how many namespaces and tokens.

Revision: d8a3, after c4e1. An override from before leaves both the plan's; a request asked for none.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "d8a3"
down_revision = "c4e1"
branch_labels = None
depends_on = None

COUNTS = ("namespaces", "tokens")
TABLES = ("quota_overrides", "quota_requests")


def upgrade() -> None:
    for name in COUNTS:
        op.add_column("quota_overrides", sa.Column(name, sa.BigInteger))
        op.add_column(
            "quota_requests", sa.Column(name, sa.BigInteger, server_default="0", nullable=False)
        )
    for table in TABLES:
        op.create_check_constraint(
            op.f(f"ck_{table}_counts_not_below_zero"), table, "least(namespaces, tokens) >= 0"
        )


def downgrade() -> None:
    for table in TABLES:
        op.drop_constraint(op.f(f"ck_{table}_counts_not_below_zero"), table)
        for name in COUNTS:
            op.drop_column(table, name)
