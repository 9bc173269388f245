"""Users are found by the beginning of their address.

Revision: a6d9
"""

from __future__ import annotations

from alembic import op

revision = "a6d9"
down_revision = "f3b8"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_users_email", "users", ["email"], postgresql_ops={"email": "text_pattern_ops"}
    )


def downgrade() -> None:
    op.drop_index("ix_users_email", "users")
