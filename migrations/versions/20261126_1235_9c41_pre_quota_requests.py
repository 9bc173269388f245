"""Requests for more quota.

Revision: 9c41
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "9c41"
down_revision = "9d4f"
branch_labels = None
depends_on = None

LIMITS = (
    "functions", "triggers", "replicas", "cpu_millis", "memory_bytes", "hosts", "requests_per_second",
    "builds_per_day",
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "quota_requests",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        *[sa.Column(name, sa.BigInteger, nullable=False) for name in LIMITS],
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("days", sa.BigInteger, nullable=False),
        sa.Column("requested_by", sa.Text, nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("decided_by", sa.Text, nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_quota_requests"),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], name="fk_quota_requests_tenant_id_tenants"
        ),
        sa.CheckConstraint(
            f"least({', '.join(LIMITS)}) >= 0", name=op.f("ck_quota_requests_not_below_zero")
        ),
    )
    op.create_index(
        "ix_quota_requests_tenant_id_requested_at", "quota_requests", ["tenant_id", "requested_at"]
    )
    op.create_index("ix_quota_requests_state_expires_at", "quota_requests", ["state", "expires_at"])


def downgrade() -> None:
    op.drop_table("quota_requests")
