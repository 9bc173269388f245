"""The audit log as chains: who in full, a place for every row, where chains stand, signed checkpoints.

Rows that are there already get their place by the chainer, in the order they were written.

Revision: a04c, after 7b2e
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from funkhaus.storage import walls

revision = "a04c"
down_revision = "7b2e"
branch_labels = None
depends_on = None

TEXTS = ("issuer", "sub", "uid", "before", "after")
WRITTEN = (
    "INSERT (tenant_id, issuer, sub, subject, token_id, action, target, uid, before, after, outcome,"
    " request_id, detail)"
)


def upgrade() -> None:
    for name in TEXTS:
        op.add_column("audit", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.add_column("audit", sa.Column("position", sa.BigInteger(), nullable=True))
    op.add_column("audit", sa.Column("previous", sa.Text(), nullable=True))
    op.add_column("audit", sa.Column("hash", sa.Text(), nullable=True))
    waits = sa.text("position IS NULL")
    op.create_index("ix_audit_waiting", "audit", ["sequence"], postgresql_where=waits)
    op.create_index(
        "ix_audit_waiting_of", "audit", ["tenant_id", "sequence"], postgresql_where=waits
    )
    op.create_index(
        "uq_audit_place", "audit", ["tenant_id", "position"], unique=True,
        postgresql_where=sa.text("tenant_id IS NOT NULL"),
    )  # fmt: skip
    op.create_index(
        "uq_audit_platform_place", "audit", ["position"], unique=True,
        postgresql_where=sa.text("tenant_id IS NULL"),
    )  # fmt: skip
    op.create_table(
        "audit_chains",
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("signed_position", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("signed_digest", sa.Text(), nullable=False, server_default=""),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("chain", name="pk_audit_chains"),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], name="fk_audit_chains_tenant_id_tenants"
        ),
    )
    op.create_index(
        "ix_audit_chains_due_at", "audit_chains", ["due_at"],
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )  # fmt: skip
    op.create_index("ix_audit_chains_tenant_id", "audit_chains", ["tenant_id"])
    op.create_table(
        "audit_checkpoints",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit_checkpoints"),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], name="fk_audit_checkpoints_tenant_id_tenants"
        ),
    )
    op.create_index(
        "ix_audit_checkpoints_tenant_id_position", "audit_checkpoints", ["tenant_id", "position"]
    )
    chain = "SELECT, INSERT, UPDATE (position, hash, signed_position, signed_digest, due_at)"
    for statement in (
        *walls.walled("audit_chains", tenant="SELECT", platform=chain),
        *walls.walled("audit_checkpoints", tenant="SELECT", platform="SELECT, INSERT"),
        *walls.closed("audit"),
        *walls.opened(
            "audit",
            tenant=f"SELECT, {WRITTEN}",
            platform=f"SELECT, {WRITTEN}, UPDATE (position, previous, hash)",
        ),
        *walls.kept("audit", "audit_checkpoints"),
    ):
        op.execute(statement)


def downgrade() -> None:
    """Chains and checkpoints are lost; the rows stay."""
    for statement in (
        *walls.unkept("audit", "audit_checkpoints"),
        *walls.closed("audit"),
        *walls.opened("audit", tenant="SELECT, INSERT", platform="SELECT, INSERT"),
    ):
        op.execute(statement)
    op.drop_table("audit_checkpoints")
    op.drop_table("audit_chains")
    for name in (
        "uq_audit_platform_place",
        "uq_audit_place",
        "ix_audit_waiting_of",
        "ix_audit_waiting",
    ):
        op.drop_index(name, "audit")
    for name in (*TEXTS, "position", "previous", "hash"):
        op.drop_column("audit", name)
