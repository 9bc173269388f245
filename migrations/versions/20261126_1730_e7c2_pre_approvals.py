"""Approvals: who has to say yes, who did, and whom to tell. A token remembers the person who issued it.

Revision: e7c2
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from funkhaus.storage import walls

revision = "e7c2"
down_revision = "d5b8"
branch_labels = None
depends_on = None

_ALL = "SELECT, INSERT, UPDATE, DELETE"
_TABLES = {
    "approvals": {"tenant": _ALL, "platform": "SELECT, DELETE"},
    "approval_votes": {"tenant": "SELECT, INSERT", "platform": "SELECT"},
    "approval_checks": {"tenant": _ALL},
    "notifications": {
        "tenant": "INSERT, DELETE, SELECT (id, tenant_id)",
        "platform": "SELECT, DELETE, UPDATE (attempts, last_error, not_before)",
    },
}
_TIME = sa.DateTime(timezone=True)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _of_a_tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id"], ["tenants.tenant_id"], name=f"fk_{table}_tenant_id_tenants"
    )


def upgrade() -> None:
    op.add_column("tokens", sa.Column("issued_by", sa.Text, nullable=False, server_default=""))
    for role in (walls.TENANT_ROLE, walls.PLATFORM_ROLE):
        op.execute(f"GRANT UPDATE (issued_by) ON tokens TO {role}")
    op.create_table(
        "approvals",
        sa.Column("id", sa.Uuid, nullable=False),
        *_texts("tenant_id", "kind", "namespace", "name", "uid", "spec_digest"),
        sa.Column("findings", JSONB, nullable=False),
        sa.Column("rule", JSONB, nullable=False),
        *_texts("policy_revision", "requested_by"),
        sa.Column("behind", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("requested_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        *_texts("state"),
        sa.Column("seen_at", _TIME),
        *_texts("decided_by"),
        sa.Column("decided_at", _TIME),
        *_texts("reason"),
        sa.Column("ends_at", _TIME),
        sa.Column("changed_at", _TIME, nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("id", name="pk_approvals"),
        _of_a_tenant("approvals"),
    )
    op.create_index("ix_approvals_object", "approvals", ["tenant_id", "kind", "namespace", "name"])
    op.create_index(
        "ix_approvals_tenant_id_requested_at", "approvals", ["tenant_id", "requested_at"]
    )
    op.create_index("ix_approvals_state_expires_at", "approvals", ["state", "expires_at"])
    op.create_index("ix_approvals_changed_at", "approvals", ["changed_at"])
    op.create_table(
        "approval_votes",
        sa.Column("approval_id", sa.Uuid, nullable=False),
        *_texts("person", "tenant_id", "by"),
        sa.Column("at", _TIME, nullable=False),
        *_texts("reason"),
        sa.Column("until", _TIME),
        sa.PrimaryKeyConstraint("approval_id", "person", name="pk_approval_votes"),
        sa.ForeignKeyConstraint(
            ["approval_id"],
            ["approvals.id"],
            name="fk_approval_votes_approval_id_approvals",
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "approval_checks",
        *_texts("tenant_id", "kind", "namespace", "name", "uid", "spec_digest"),
        sa.Column("checked_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant_id", "kind", "namespace", "name", name="pk_approval_checks"
        ),
        _of_a_tenant("approval_checks"),
    )
    op.create_table(
        "notifications",
        sa.Column("id", sa.Uuid, nullable=False),
        *_texts("tenant_id", "event"),
        sa.Column("payload", JSONB, nullable=False),
        sa.Column("queued_at", _TIME, nullable=False, server_default=sa.func.now()),
        sa.Column("not_before", _TIME),
        sa.Column("attempts", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("last_error", sa.Text, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_notifications"),
        _of_a_tenant("notifications"),
    )
    op.create_index("ix_notifications_tenant_id", "notifications", ["tenant_id"])
    op.create_index("ix_notifications_queued_at", "notifications", ["queued_at"])
    for table, access in _TABLES.items():
        for statement in walls.walled(table, **access):
            op.execute(statement)


def downgrade() -> None:
    for table in ("notifications", "approval_checks", "approval_votes", "approvals"):
        for statement in walls.razed(table):
            op.execute(statement)
        op.drop_table(table)
    op.drop_column("tokens", "issued_by")
