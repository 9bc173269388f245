"""Which code works on the schema: processes go on while the release after theirs migrates.

Revision: a7f0, after b11d
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from funkhaus.storage import walls

revision = "a7f0"
down_revision = "b11d"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "compatible_revisions",
        sa.Column("revision", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("revision", name="pk_compatible_revisions"),
    )
    for statement in walls.opened("compatible_revisions", tenant="SELECT", platform="SELECT"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("compatible_revisions")
