"""Users, sessions, platform roles, members, invitations, sign-ins; who founded a tenant.

Revision: b6e2, after 3f1c
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "b6e2"
down_revision = "3f1c"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "users",
        _uuid("id", required=True),
        *_texts("iss", "sub", "email", "display_name"),
        _time("created_at", required=True),
        _time("last_login_at", required=True),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("iss", "sub", name="uq_users_iss_sub"),
    )
    op.create_table(
        "sessions",
        _uuid("id", required=True),
        _uuid("user_id", required=True),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("groups", sa.ARRAY(sa.Text), nullable=False),
        *_texts("last_four"),
        _time("created_at", required=True),
        _time("expires_at", required=True),
        _time("revoked_at"),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("digest", name="uq_sessions_digest"),
        _user("sessions", "user_id"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_table(
        "platform_roles",
        _uuid("user_id", required=True),
        *_texts("role", "granted_by"),
        _time("granted_at", required=True),
        sa.PrimaryKeyConstraint("user_id", "role", name="pk_platform_roles"),
        _user("platform_roles", "user_id"),
    )
    op.create_table(
        "members",
        *_texts("tenant_id"),
        _uuid("user_id", required=True),
        *_texts("role"),
        _time("since", required=True),
        sa.PrimaryKeyConstraint("tenant_id", "user_id", name="pk_members"),
        _tenant("members"),
        _user("members", "user_id"),
    )
    op.create_index("ix_members_user_id", "members", ["user_id"])
    op.create_table(
        "invitations",
        _uuid("id", required=True),
        *_texts("tenant_id"),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        *_texts("email", "role", "invited_by"),
        _time("created_at", required=True),
        _time("expires_at", required=True),
        _uuid("accepted_by"),
        _time("accepted_at"),
        _time("revoked_at"),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
        sa.UniqueConstraint("digest", name="uq_invitations_digest"),
        _tenant("invitations"),
        _user("invitations", "accepted_by"),
    )
    op.create_index(
        "ix_invitations_tenant_id_created_at", "invitations", ["tenant_id", "created_at"]
    )
    op.create_index("ix_invitations_email", "invitations", ["email"])
    op.create_table(
        "logins",
        _uuid("id", required=True),
        *_texts("stage", "address"),
        _time("created_at", required=True),
        _time("expires_at", required=True),
        *_texts("issuer"),
        sa.Column("state_digest", sa.LargeBinary),
        *_texts("nonce", "verifier", "redirect_uri", "client_state", "challenge"),
        sa.Column("device_digest", sa.LargeBinary),
        sa.Column("user_code", sa.Text),
        _time("polled_at"),
        sa.Column("poll_seconds", sa.BigInteger, nullable=False),
        sa.Column("code_digest", sa.LargeBinary),
        _uuid("user_id"),
        sa.Column("groups", sa.ARRAY(sa.Text), nullable=False),
        _uuid("session_id"),
        sa.PrimaryKeyConstraint("id", name="pk_logins"),
        *[
            sa.UniqueConstraint(name, name=f"uq_logins_{name}")
            for name in ("state_digest", "device_digest", "user_code", "code_digest")
        ],
        _user("logins", "user_id"),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name="fk_logins_session_id_sessions"
        ),
    )
    op.create_index("ix_logins_expires_at", "logins", ["expires_at"])
    op.add_column("tenants", _uuid("founded_by"))
    op.create_foreign_key("fk_tenants_founded_by_users", "tenants", "users", ["founded_by"], ["id"])
    op.create_index("ix_tenants_founded_by", "tenants", ["founded_by"])


def downgrade() -> None:
    op.drop_column("tenants", "founded_by")
    for table in ("logins", "invitations", "members", "platform_roles", "sessions", "users"):
        op.drop_table(table)


def _uuid(name: str, *, required: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid, nullable=not required)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _time(name: str, *, required: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=not required)


def _tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id"], ["tenants.tenant_id"], name=f"fk_{table}_tenant_id_tenants"
    )


def _user(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["users.id"], name=f"fk_{table}_{column}_users")
