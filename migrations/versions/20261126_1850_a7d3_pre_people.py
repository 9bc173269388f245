"""Who stands behind a request for more quota.

Revision: a7d3
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "a7d3"
down_revision = "a7f0"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("behind", sa.ARRAY(sa.Text), nullable=False, server_default="{}")
    op.add_column("quota_requests", column)


def downgrade() -> None:
    op.drop_column("quota_requests", "behind")
