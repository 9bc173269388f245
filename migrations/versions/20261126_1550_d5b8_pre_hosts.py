"""Hosts: each is one tenant's. What triggers hold already is claimed when the controller next looks at them.

Revision: d5b8, after 9a19
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from funkhaus.storage import walls

revision = "d5b8"
down_revision = "9a19"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hosts",
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("host", name="pk_hosts"),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], name="fk_hosts_tenant_id_tenants"
        ),
    )
    op.create_index("ix_hosts_tenant_id", "hosts", ["tenant_id"])
    op.create_index("ix_hosts_released_at", "hosts", ["released_at"])
    op.create_table(
        "host_uses",
        *[
            sa.Column(name, sa.Text, nullable=False)
            for name in ("tenant_id", "namespace", "trigger", "host")
        ],
        sa.PrimaryKeyConstraint("tenant_id", "namespace", "trigger", "host", name="pk_host_uses"),
        sa.ForeignKeyConstraint(
            ["host"], ["hosts.host"], name="fk_host_uses_host_hosts", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_host_uses_host", "host_uses", ["host"])
    # FOR UPDATE while giving hosts up needs UPDATE of some column.
    for statement in (
        *walls.walled(
            "hosts",
            tenant="SELECT, INSERT, UPDATE (released_at)",
            platform="SELECT, DELETE, UPDATE (released_at)",
        ),
        *walls.walled("host_uses", tenant="SELECT, INSERT, DELETE", platform="SELECT"),
    ):
        op.execute(statement)


def downgrade() -> None:
    for table in ("host_uses", "hosts"):
        for statement in walls.razed(table):
            op.execute(statement)
        op.drop_table(table)
