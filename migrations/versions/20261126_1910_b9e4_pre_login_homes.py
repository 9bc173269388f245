"""Sign-ins under way are counted by the address they are asked for from.

Revision: b9e4
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "b9e4"
down_revision = "a7d3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("logins", sa.Column("home", sa.Text, nullable=False, server_default=""))
    op.create_index("ix_logins_home_expires_at", "logins", ["home", "expires_at"])


def downgrade() -> None:
    op.drop_index("ix_logins_home_expires_at", "logins")
    op.drop_column("logins", "home")
