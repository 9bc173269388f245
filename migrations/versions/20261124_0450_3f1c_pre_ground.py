"""Tenants, plans, namespaces, quotas, host suffixes, tokens, audit, outbox.

Revision: 3f1c, the first
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "3f1c"
down_revision = None
branch_labels = None
depends_on = None

MIB = 1024**2
GIB = 1024**3
PLANS = [
    # id, namespaces; then per namespace: functions, triggers, replicas, CPU in millicores, memory in bytes
    ("small", 3, 20, 20, 20, 4_000, 4 * GIB),
    ("medium", 10, 100, 100, 100, 20_000, 40 * GIB),
    ("large", 50, 500, 500, 1_000, 200_000, 400 * GIB),
]
PLAN_COLUMNS = (
    "id", "namespaces", "functions", "triggers", "replicas", "cpu_millis", "memory_bytes",
)  # fmt: skip


def upgrade() -> None:
    plans = op.create_table(
        "plans",
        sa.Column("id", sa.Text, nullable=False),
        *[sa.Column(name, sa.BigInteger, nullable=False) for name in PLAN_COLUMNS[1:]],
        sa.PrimaryKeyConstraint("id", name="pk_plans"),
    )
    op.bulk_insert(plans, [dict(zip(PLAN_COLUMNS, plan, strict=True)) for plan in PLANS])
    op.create_table(
        "tenants",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("plan_id", sa.Text, nullable=False),
        sa.Column("display_name", sa.Text, nullable=False),
        _time("created_at", now=True),
        _time("deleted_at"),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_tenants"),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name="fk_tenants_plan_id_plans"),
    )
    op.create_table(
        "namespaces",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("cluster_name", sa.Text, nullable=False),
        _time("created_at", now=True),
        _time("deleted_at"),
        sa.PrimaryKeyConstraint("tenant_id", "name", name="pk_namespaces"),
        sa.UniqueConstraint("cluster_name", name="uq_namespaces_cluster_name"),
        _tenant("namespaces"),
    )
    op.create_table(
        "quotas",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        *[sa.Column(name, sa.BigInteger, nullable=False) for name in PLAN_COLUMNS[2:]],
        sa.PrimaryKeyConstraint("tenant_id", "namespace", name="pk_quotas"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "namespace"],
            ["namespaces.tenant_id", "namespaces.name"],
            name="fk_quotas_tenant_id_namespace_namespaces",
        ),
        sa.CheckConstraint(
            "least(functions, triggers, replicas, cpu_millis, memory_bytes) >= 0",
            name="ck_quotas_not_below_zero",
        ),
    )
    op.create_table(
        "host_suffixes",
        sa.Column("suffix", sa.Text, nullable=False),
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("suffix", name="pk_host_suffixes"),
        _tenant("host_suffixes"),
    )
    op.create_index("ix_host_suffixes_tenant_id", "host_suffixes", ["tenant_id"])
    op.create_table(
        "tokens",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("tenant_id", sa.Text),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("subject_id", sa.Uuid, nullable=False),
        sa.Column("subject_name", sa.Text, nullable=False),
        sa.Column("last_four", sa.Text, nullable=False),
        _time("created_at", required=True),
        _time("expires_at", required=True),
        _time("revoked_at"),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("digest", name="uq_tokens_digest"),
        sa.CheckConstraint(
            "(tenant_id IS NULL) = (role = '')", name="ck_tokens_role_within_tenant"
        ),
        _tenant("tokens"),
    )
    op.create_index("ix_tokens_tenant_id_created_at", "tokens", ["tenant_id", "created_at"])
    op.create_table(
        "audit",
        sa.Column("sequence", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column(
            "at",
            sa.DateTime(timezone=True),
            server_default=sa.func.clock_timestamp(),
            nullable=False,
        ),
        sa.Column("tenant_id", sa.Text),
        *[
            sa.Column(name, sa.Text, nullable=False)
            for name in ("subject", "token_id", "action", "target", "outcome", "request_id")
        ],
        sa.Column("detail", postgresql.JSONB, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit"),
        _tenant("audit"),
    )
    op.create_index("ix_audit_tenant_id_sequence", "audit", ["tenant_id", "sequence"])
    op.create_table(
        "outbox",
        sa.Column("sequence", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("object", sa.Text, nullable=False),
        sa.Column("manifest", postgresql.JSONB, nullable=False),
        sa.Column("gone", sa.Boolean, nullable=False),
        _time("queued_at", now=True),
        _time("not_before"),
        sa.Column("attempts", sa.BigInteger, server_default="0", nullable=False),
        sa.Column("last_error", sa.Text, server_default="", nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_outbox"),
        _tenant("outbox"),
    )
    op.create_index("ix_outbox_object_sequence", "outbox", ["object", "sequence"])


def downgrade() -> None:
    for table in (
        "outbox", "audit", "tokens", "host_suffixes", "quotas", "namespaces", "tenants", "plans",
    ):  # fmt: skip
        op.drop_table(table)


def _time(name: str, *, now: bool = False, required: bool = False) -> sa.Column[object]:
    return sa.Column(
        name,
        sa.DateTime(timezone=True),
        server_default=sa.func.now() if now else None,
        nullable=not (now or required),
    )


def _tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id"], ["tenants.tenant_id"], name=f"fk_{table}_tenant_id_tenants"
    )
