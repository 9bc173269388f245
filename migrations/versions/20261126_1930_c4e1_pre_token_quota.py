"""How many tokens of a tenant may be valid at the same time, by its plan.

Revision: c4e1, after d2f6
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "c4e1"
down_revision = "d2f6"
branch_labels = None
depends_on = None

TOKENS = {"small": 100, "medium": 500, "large": 2000}


def upgrade() -> None:
    op.add_column("plans", sa.Column("tokens", sa.BigInteger, server_default="100", nullable=False))
    plans = sa.table("plans", sa.column("id", sa.Text), sa.column("tokens", sa.BigInteger))
    for plan, tokens in TOKENS.items():
        op.execute(plans.update().where(plans.c.id == plan).values(tokens=tokens))


def downgrade() -> None:
    op.drop_column("plans", "tokens")
