"""Walls between tenants: the two roles, row-level security on every tenant table, and what each role may do.

Revision: 5e1f, after c7a4
"""

from __future__ import annotations

from alembic import op

from funkhaus.storage import walls

revision = "5e1f"
down_revision = "c7a4"
branch_labels = None
depends_on = None

# table: what the tenants' role may do, what the platform's role may do. A lock (FOR UPDATE) needs UPDATE of some column,
# RETURNING needs SELECT.
TOKENS = "SELECT, INSERT, UPDATE (revoked_at, digest, last_four, expires_at, previous_digest, previous_until"
WALLED = {
    "tenants": ("SELECT, UPDATE (display_name)", "SELECT, INSERT, UPDATE (founded_by)"),
    "namespaces": ("SELECT, INSERT, UPDATE (deleted_at)", "SELECT"),
    "quotas": ("SELECT, INSERT, UPDATE", ""),
    "tenant_quotas": ("SELECT, UPDATE", "SELECT, INSERT"),
    "charges": ("SELECT, INSERT, UPDATE, DELETE", "SELECT"),
    "quota_overrides": ("SELECT, INSERT, UPDATE, DELETE", "SELECT"),
    "host_suffixes": ("SELECT", "SELECT"),
    "quota_requests": ("SELECT, INSERT, UPDATE", "SELECT"),
    "tokens": (TOKENS + ")", TOKENS + ", last_used_at)"),
    "service_accounts": ("SELECT, INSERT, DELETE", "SELECT"),
    "members": ("SELECT, INSERT, UPDATE (role), DELETE", "SELECT, INSERT"),
    "invitations": ("SELECT, INSERT, UPDATE (accepted_by, accepted_at, revoked_at)", "SELECT"),
    "audit": ("SELECT, INSERT", "SELECT, INSERT"),
    "outbox": (
        "INSERT, SELECT (sequence)",
        "SELECT, DELETE, UPDATE (attempts, last_error, not_before)",
    ),
}
OPEN = {
    "plans": ("SELECT", "SELECT"),
    "alembic_version": ("SELECT", "SELECT"),
    "users": ("SELECT", "SELECT, INSERT, UPDATE (email, display_name, last_login_at)"),
    "sessions": ("", "SELECT, INSERT, UPDATE (revoked_at)"),
    "kubectl_credentials": ("", "SELECT, INSERT, DELETE"),
    "platform_roles": ("", "SELECT, INSERT, DELETE"),
    "logins": ("", "SELECT, INSERT, UPDATE, DELETE"),
    "idempotency_keys": ("", "SELECT, INSERT, UPDATE, DELETE"),
}


def upgrade() -> None:
    _run(*walls.roles())
    for table, (tenant, platform) in WALLED.items():
        _run(*walls.walled(table, tenant=tenant, platform=platform))
    for table, (tenant, platform) in OPEN.items():
        _run(*walls.opened(table, tenant=tenant, platform=platform))


def downgrade() -> None:
    """The roles stay: they are the whole server's, and without grants they are empty shells."""
    for table in WALLED:
        _run(*walls.razed(table))
    for table in OPEN:
        _run(*walls.closed(table))


def _run(*statements: str) -> None:
    for statement in statements:
        op.execute(statement)
