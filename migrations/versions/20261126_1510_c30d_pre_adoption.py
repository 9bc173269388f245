"""Namespaces that were in the cluster before they were a tenant's.

Revision: c30d, after a04c
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "c30d"
down_revision = "a04c"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "namespaces", sa.Column("adopted", sa.Boolean, nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    op.drop_column("namespaces", "adopted")
