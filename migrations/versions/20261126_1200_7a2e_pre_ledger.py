"""The ledger: limits and holdings of namespaces and tenants, what each object is charged, overrides.

Revision: 7a2e
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "7a2e"
down_revision = "b6e2"
branch_labels = None
depends_on = None

AMOUNTS = ("functions", "triggers", "replicas", "cpu_millis", "memory_bytes", "hosts")
LATER = ("hosts", "requests_per_second", "builds_per_day")
LIMITS = (*AMOUNTS, "requests_per_second", "builds_per_day")
PLANS = {
    # hosts, requests per second, builds per day of a namespace
    "small": (20, 100, 100),
    "medium": (100, 500, 500),
    "large": (500, 2_000, 2_000),
}
NOT_BELOW_ZERO = f"least({', '.join(LIMITS)}) >= 0"
FIRST_NAME = "ck_quotas_ck_quotas_not_below_zero"
"""What the first migration's constraint is really called: the naming convention came on top of the name given."""
HELD = [f"{state}_{name}" for state in ("used", "reserved") for name in AMOUNTS]
HELD_NOT_BELOW_ZERO = f"least({', '.join(HELD)}) >= 0"


def upgrade() -> None:
    _plans()
    for name in LATER:
        op.add_column("quotas", _later(name))
    op.execute(
        "UPDATE quotas SET hosts = plans.hosts, requests_per_second = plans.requests_per_second, "
        "builds_per_day = plans.builds_per_day "
        "FROM tenants JOIN plans ON plans.id = tenants.plan_id WHERE tenants.tenant_id = quotas.tenant_id"
    )
    for name in LATER:
        op.alter_column("quotas", name, nullable=False)
    for name in HELD:
        op.add_column("quotas", _zero(name))
    op.drop_constraint(op.f(FIRST_NAME), "quotas")
    op.create_check_constraint(op.f("ck_quotas_not_below_zero"), "quotas", NOT_BELOW_ZERO)
    op.create_check_constraint(op.f("ck_quotas_held_not_below_zero"), "quotas", HELD_NOT_BELOW_ZERO)
    op.create_table(
        "tenant_quotas",
        sa.Column("tenant_id", sa.Text, nullable=False),
        *[sa.Column(name, sa.BigInteger, nullable=False) for name in AMOUNTS[:-1]],
        *[_later(name, nullable=False) for name in LATER],
        *[_zero(name) for name in HELD],
        sa.PrimaryKeyConstraint("tenant_id", name="pk_tenant_quotas"),
        _tenant("tenant_quotas"),
        sa.CheckConstraint(NOT_BELOW_ZERO, name=op.f("ck_tenant_quotas_not_below_zero")),
        sa.CheckConstraint(HELD_NOT_BELOW_ZERO, name=op.f("ck_tenant_quotas_held_not_below_zero")),
    )
    op.execute(
        f"INSERT INTO tenant_quotas (tenant_id, {', '.join(LIMITS)}) "  # noqa: S608 - names of this file
        f"SELECT tenant_id, {', '.join(f'plans.tenant_{name}' for name in LIMITS)} "
        "FROM tenants JOIN plans ON plans.id = tenants.plan_id"
    )
    _charges()
    op.create_table(
        "quota_overrides",
        sa.Column("tenant_id", sa.Text, nullable=False),
        *[sa.Column(name, sa.BigInteger, nullable=False) for name in LIMITS],
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_quota_overrides"),
        _tenant("quota_overrides"),
        sa.CheckConstraint(NOT_BELOW_ZERO, name=op.f("ck_quota_overrides_not_below_zero")),
    )
    op.create_index("ix_quota_overrides_expires_at", "quota_overrides", ["expires_at"])


def _plans() -> None:
    """A tenant's quota is that of all the namespaces its plan allows, until somebody divides it otherwise."""
    for name in (*LATER, *(f"tenant_{name}" for name in LIMITS)):
        op.add_column("plans", sa.Column(name, sa.BigInteger))
    for plan, limits in PLANS.items():
        values = ", ".join(f"{name} = {least}" for name, least in zip(LATER, limits, strict=True))
        op.execute(f"UPDATE plans SET {values} WHERE id = '{plan}'")  # noqa: S608 - constants of this file
    op.execute(
        "UPDATE plans SET hosts = coalesce(hosts, triggers), "
        "requests_per_second = coalesce(requests_per_second, 100), "
        "builds_per_day = coalesce(builds_per_day, 100)"
    )
    whole = ", ".join(f"tenant_{name} = namespaces * {name}" for name in LIMITS)
    op.execute(f"UPDATE plans SET {whole}")  # noqa: S608 - names of this file
    for name in (*LATER, *(f"tenant_{name}" for name in LIMITS)):
        op.alter_column("plans", name, nullable=False)


def _charges() -> None:
    op.create_table(
        "charges",
        *[
            sa.Column(name, sa.Text, nullable=False)
            for name in ("tenant_id", "namespace", "kind", "name")
        ],
        *[
            sa.Column(f"{state}_{name}", sa.BigInteger, nullable=False)
            for state in ("used", "asked")
            for name in AMOUNTS
        ],
        sa.Column("asked_at", sa.DateTime(timezone=True)),
        *[
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("base", "creates", "version")
        ],
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("serial", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "namespace", "kind", "name", name="pk_charges"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "namespace"],
            ["quotas.tenant_id", "quotas.namespace"],
            name="fk_charges_tenant_id_namespace_quotas",
        ),
    )
    op.create_index("ix_charges_checked_at", "charges", ["checked_at"])
    op.create_index("ix_charges_asked_at", "charges", ["asked_at"])


def downgrade() -> None:
    for table in ("quota_overrides", "charges", "tenant_quotas"):
        op.drop_table(table)
    for name in ("ck_quotas_held_not_below_zero", "ck_quotas_not_below_zero"):
        op.drop_constraint(op.f(name), "quotas")
    for name in (*LATER, *HELD):
        op.drop_column("quotas", name)
    op.create_check_constraint(
        op.f(FIRST_NAME),
        "quotas",
        "least(functions, triggers, replicas, cpu_millis, memory_bytes) >= 0",
    )
    for name in (*LATER, *(f"tenant_{name}" for name in LIMITS)):
        op.drop_column("plans", name)


def _later(name: str, *, nullable: bool = True) -> sa.Column[int]:
    """With what the smallest plan gives as default: an old process inserts without these columns."""
    default = str(dict(zip(LATER, PLANS["small"], strict=True))[name])
    return sa.Column(name, sa.BigInteger, server_default=default, nullable=nullable)


def _zero(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, server_default="0", nullable=False)


def _tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id"], ["tenants.tenant_id"], name=f"fk_{table}_tenant_id_tenants"
    )
