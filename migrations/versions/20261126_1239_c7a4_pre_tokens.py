"""What restricts a token, its rotation and last use; service accounts; credentials for kubectl; a tenant's standing.

Revision: c7a4, after 9c41
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "c7a4"
down_revision = "9c41"
branch_labels = None
depends_on = None

LISTS = ("scopes", "namespaces", "cidrs")


def upgrade() -> None:
    for name in LISTS:
        texts = postgresql.ARRAY(sa.Text)
        op.add_column("tokens", sa.Column(name, texts, server_default="{}", nullable=False))
    op.add_column("tokens", _time("last_used_at"))
    op.add_column("tokens", sa.Column("previous_digest", sa.LargeBinary))
    op.add_column("tokens", _time("previous_until"))
    op.create_unique_constraint("uq_tokens_previous_digest", "tokens", ["previous_digest"])
    op.create_index("ix_tokens_subject_id", "tokens", ["subject_id"])
    op.add_column("tenants", _time("suspended_at"))
    op.add_column("tenants", sa.Column("suspended_for", sa.Text, server_default="", nullable=False))
    op.add_column("tenants", _time("delete_after"))
    op.create_table(
        "service_accounts",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        _time("created_at", required=True),
        sa.PrimaryKeyConstraint("id", name="pk_service_accounts"),
        sa.UniqueConstraint("tenant_id", "name", name="uq_service_accounts_tenant_id_name"),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], name="fk_service_accounts_tenant_id_tenants"
        ),
    )
    op.create_table(
        "kubectl_credentials",
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("parent_id", sa.Uuid, nullable=False),
        sa.Column("parent_kind", sa.Text, nullable=False),
        _time("expires_at", required=True),
        sa.PrimaryKeyConstraint("digest", name="pk_kubectl_credentials"),
    )
    op.create_index(
        "ix_kubectl_credentials_parent_id", "kubectl_credentials", ["parent_id", "expires_at"]
    )


def downgrade() -> None:
    """Restricted tokens are revoked: code that knows no restrictions would let them do everything of their role."""
    op.execute(
        "UPDATE tokens SET revoked_at = now() WHERE revoked_at IS NULL"
        " AND cardinality(scopes) + cardinality(namespaces) + cardinality(cidrs) > 0"
    )
    op.drop_table("kubectl_credentials")
    op.drop_table("service_accounts")
    for name in ("suspended_at", "suspended_for", "delete_after"):
        op.drop_column("tenants", name)
    op.drop_index("ix_tokens_subject_id", "tokens")
    for name in (*LISTS, "last_used_at", "previous_digest", "previous_until"):
        op.drop_column("tokens", name)


def _time(name: str, *, required: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=not required)
