"""The state of what is no Kubernetes object, as JSON: what `before` and `after` in the audit log are digests of.

Names and values are the API's, so that whoever kept an answer can compute the same (docs/audit.md). A state holds no
secret, and nothing that changes by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from funkhaus.domain.audit import instant
from funkhaus.services.quotas import wire, wire_whole

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from funkhaus.domain.member import Invitation
    from funkhaus.domain.quota_request import QuotaRequest
    from funkhaus.domain.service_account import ServiceAccount
    from funkhaus.domain.subject import PlatformRole, Role
    from funkhaus.domain.tenant import Namespace, Tenant
    from funkhaus.domain.tenant_request import TenantRequest
    from funkhaus.domain.token import Token
    from funkhaus.domain.user import Session, User

State = dict[str, Any]


def tenant(item: Tenant) -> State:
    """A tenant: its plan, and whether it rests or goes."""
    return {
        "id": item.id,
        "plan": item.plan,
        "displayName": item.display_name,
        "standing": item.standing,
        "suspendedFor": item.suspension.reason if item.suspension else None,
        "deleteAfter": _at(item.deletion.after if item.deletion else None),
    }


def namespace(item: Namespace) -> State:
    """A namespace with its quota."""
    return {"name": item.name, "adopted": item.adopted, "quota": wire(item.quota)}


def quota_request(item: QuotaRequest) -> State:
    """A request for more quota, and where it stands."""
    return {
        "id": item.id,
        "namespace": item.namespace,
        "extra": wire_whole(item.extra, item.counts),
        "days": item.days,
        "reason": item.reason,
        "state": item.state.value,
        "expiresAt": _at(item.expires_at),
    }


def tenant_request(item: TenantRequest) -> State:
    """A request for a tenant, and where it stands."""
    return {
        "id": item.id,
        "tenant": item.tenant,
        "plan": item.plan,
        "displayName": item.display_name,
        "reason": item.reason,
        "state": item.state.value,
    }


def member(user_id: str, role: Role) -> State:
    """What somebody is in a tenant."""
    return {"user": user_id, "role": role.value}


def invitation(item: Invitation) -> State:
    """An invitation, and what became of it."""
    return {
        "id": item.id,
        "email": item.email,
        "role": item.role.value,
        "expiresAt": _at(item.expires_at),
        "acceptedBy": item.accepted_by,
        "revokedAt": _at(item.revoked_at),
    }


def service_account(item: ServiceAccount) -> State:
    """A service account."""
    return {"id": item.id, "name": item.name, "role": item.role.value}


def token(item: Token) -> State:
    """A token and all that bounds it; its last four characters say which text."""
    return {
        "id": item.id,
        "name": item.subject_name,
        "kind": item.kind.value,
        "role": item.role,
        "scopes": sorted(item.restriction.scopes),
        "namespaces": sorted(item.restriction.namespaces),
        "cidrs": sorted(item.restriction.cidrs),
        "lastFour": item.last_four,
        "expiresAt": _at(item.expires_at),
        "revokedAt": _at(item.revoked_at),
    }


def session(item: Session) -> State:
    """A session, and whether it was ended."""
    return {
        "id": item.id,
        "expiresAt": _at(item.expires_at),
        "revokedAt": _at(item.revoked_at),
    }


def user(item: User) -> State:
    """Whether somebody is kept out."""
    return {"id": item.id, "disabledFor": item.disabled.reason if item.disabled else None}


def platform_roles(user_id: str, roles: Iterable[PlatformRole]) -> State:
    """What was granted to somebody."""
    return {"user": user_id, "roles": sorted(role.value for role in roles)}


def _at(moment: datetime | None) -> str | None:
    return None if moment is None else instant(moment)
