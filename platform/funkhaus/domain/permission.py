"""What may be done, as one list, and which role holds what.

A permission reads ``<resource>:<action>``. The API asks for one before every use case; inside tenant namespaces
Kubernetes RBAC says the same again for kubectl (`helm/funkhaus/templates/tenant-rbac.yaml`, compared by a test).
"""

from __future__ import annotations

from enum import StrEnum

from funkhaus.domain.errors import ForbiddenError, NotFoundError
from funkhaus.domain.subject import PlatformRole, Role, Subject


class Permission(StrEnum):
    """One thing a subject may be allowed to do; alphabetical."""

    APPROVAL_DECIDE = "approval:decide"
    APPROVAL_READ = "approval:read"
    APPROVAL_RENEW = "approval:renew"
    AUDIT_READ = "audit:read"
    FUNCTION_CALL = "function:call"
    FUNCTION_LOGS = "function:logs"
    FUNCTION_READ = "function:read"
    FUNCTION_WRITE = "function:write"
    MEMBER_READ = "member:read"
    MEMBER_WRITE = "member:write"
    NAMESPACE_ADOPT = "namespace:adopt"
    NAMESPACE_CREATE = "namespace:create"
    NAMESPACE_DELETE = "namespace:delete"
    NAMESPACE_READ = "namespace:read"
    PLATFORM_GRANT = "platform:grant"
    POLICY_READ = "policy:read"
    POLICY_WRITE = "policy:write"
    QUOTA_DECIDE = "quota:decide"
    QUOTA_DIVIDE = "quota:divide"
    QUOTA_OVERRIDE = "quota:override"
    QUOTA_READ = "quota:read"
    QUOTA_REQUEST = "quota:request"
    RUNTIME_READ = "runtime:read"
    SERVICE_ACCOUNT_READ = "service-account:read"
    SERVICE_ACCOUNT_WRITE = "service-account:write"
    TENANT_CREATE = "tenant:create"
    TENANT_DECIDE = "tenant:decide"
    TENANT_DELETE = "tenant:delete"
    TENANT_ENTITLE = "tenant:entitle"
    TENANT_READ = "tenant:read"
    TENANT_SUSPEND = "tenant:suspend"
    TOKEN_ISSUE = "token:issue"  # noqa: S105 - a permission
    TOKEN_REVOKE = "token:revoke"  # noqa: S105 - a permission
    TRIGGER_READ = "trigger:read"
    TRIGGER_WRITE = "trigger:write"
    USER_DISABLE = "user:disable"
    USER_READ = "user:read"


_READS = frozenset(
    {
        Permission.APPROVAL_READ,
        Permission.FUNCTION_READ,
        Permission.MEMBER_READ,
        Permission.NAMESPACE_READ,
        Permission.QUOTA_READ,
        Permission.RUNTIME_READ,
        Permission.TENANT_READ,
        Permission.TRIGGER_READ,
        Permission.FUNCTION_LOGS,
    }
)
_WRITES = frozenset(
    {
        Permission.APPROVAL_DECIDE,
        Permission.APPROVAL_RENEW,
        Permission.FUNCTION_CALL,
        Permission.FUNCTION_WRITE,
        Permission.QUOTA_REQUEST,
        Permission.TRIGGER_WRITE,
    }
)
_OWNS = frozenset(
    {
        Permission.AUDIT_READ,
        Permission.MEMBER_WRITE,
        Permission.NAMESPACE_CREATE,
        Permission.NAMESPACE_DELETE,
        Permission.QUOTA_DIVIDE,
        Permission.SERVICE_ACCOUNT_READ,
        Permission.SERVICE_ACCOUNT_WRITE,
        Permission.TENANT_DELETE,
        Permission.TOKEN_ISSUE,
        Permission.TOKEN_REVOKE,
    }
)

_BILLS = frozenset(
    {
        Permission.MEMBER_READ,
        Permission.NAMESPACE_READ,
        Permission.QUOTA_READ,
        Permission.TENANT_READ,
    }
)
"""What finance sees of a tenant: who and how large, not what runs."""

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _READS,
    Role.DEVELOPER: _READS | _WRITES,
    Role.OWNER: _READS | _WRITES | _OWNS,
    Role.BILLING: _BILLS,
}
PLATFORM_PERMISSIONS: dict[PlatformRole, frozenset[Permission]] = {
    PlatformRole.ADMIN: frozenset(Permission),
    PlatformRole.APPROVER: _BILLS
    | {
        Permission.APPROVAL_DECIDE,
        Permission.APPROVAL_READ,
        Permission.QUOTA_DECIDE,
        Permission.QUOTA_READ,
        Permission.RUNTIME_READ,
        Permission.TENANT_DECIDE,
        Permission.POLICY_READ,
        Permission.USER_READ,
    },
    PlatformRole.AUDITOR: _BILLS
    | {
        Permission.APPROVAL_READ,
        Permission.AUDIT_READ,
        Permission.POLICY_READ,
        Permission.QUOTA_READ,
        Permission.RUNTIME_READ,
        Permission.USER_READ,
    },
}
"""Over all tenants. What runs inside one is read by its members, and by admins."""


def require(subject: Subject, permission: Permission, tenant: str | None = None) -> None:
    """Pass if `subject` holds `permission`, in `tenant` where one is named.

    A tenant the subject has no role in reads as not found: that it exists is none of their business. Raises
    `NotFoundError` or `ForbiddenError`. What the role holds and the credential's scopes leave out is refused.
    """
    _held(subject, permission, tenant)
    require_scope(subject, permission)


def require_scope(subject: Subject, permission: Permission) -> None:
    """Pass if the subject's credential does not leave `permission` out; raises `ForbiddenError`.

    By itself this is for what a subject may do without a role: reading catalogues and founding a tenant.
    """
    scopes = subject.restriction.scopes
    if scopes and permission.value not in scopes:
        raise ForbiddenError(
            f"{permission.value} is not among this token's scopes ({', '.join(scopes)})"
        )


def require_namespace(subject: Subject, namespace: str) -> None:
    """Pass if the subject's credential is good for `namespace`; raises `ForbiddenError`."""
    allowed = subject.restriction.namespaces
    if allowed and namespace not in allowed:
        raise ForbiddenError(
            f"this token is limited to the namespaces {', '.join(allowed)}"
            + (
                f"; {namespace!r} is none of them"
                if namespace
                else " and changes nothing beyond them"
            )
        )


def powers(subject: Subject, tenant: str) -> frozenset[Permission]:
    """What `subject` may do in `tenant`: its role, less what its credential leaves out."""
    role = subject.roles.get(tenant)
    held = frozenset(Permission) if subject.is_admin else ROLE_PERMISSIONS[role] if role else None
    scopes = subject.restriction.scopes
    return frozenset(item for item in held or () if not scopes or item.value in scopes)


def _held(subject: Subject, permission: Permission, tenant: str | None) -> None:
    if any(permission in PLATFORM_PERMISSIONS[held] for held in subject.platform_roles):
        return
    if tenant is None:
        roles = [role.value for role, held in PLATFORM_PERMISSIONS.items() if permission in held]
        raise ForbiddenError(f"{permission.value} needs the platform role {' or '.join(roles)}")
    role = subject.roles.get(tenant)
    if role is None:
        raise NotFoundError(f"tenant {tenant!r} does not exist, or you have no role in it")
    if permission not in ROLE_PERMISSIONS[role]:
        holders = ", ".join(
            holder.value for holder, held in ROLE_PERMISSIONS.items() if permission in held
        )
        raise ForbiddenError(
            f"{permission.value} in tenant {tenant!r} needs a role of: {holders or 'platform admin'}; "
            f"yours is {role.value}"
        )
