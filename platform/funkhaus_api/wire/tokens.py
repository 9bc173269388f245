"""Tokens and subjects on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from funkhaus.domain.subject import Role
from funkhaus.services.tokens import DAYS_DEFAULT, TokenOrder
from funkhaus_api.wire.reading import Body

if TYPE_CHECKING:
    from datetime import datetime

    from funkhaus.domain.restriction import Restriction
    from funkhaus.domain.subject import Subject
    from funkhaus.domain.token import Token
    from funkhaus.services.tokens import IssuedToken


class NewToken(Body):
    """What issues a token."""

    name: str
    role: Literal["owner", "developer", "viewer", "billing"] | None = None
    expires_in_days: int = DAYS_DEFAULT
    scopes: list[str] = Field(default_factory=list)
    namespaces: list[str] = Field(default_factory=list)
    cidrs: list[str] = Field(default_factory=list)
    service_account: str = ""

    def order(self) -> TokenOrder:
        """As the use case takes it."""
        return TokenOrder(
            name=self.name,
            role=Role(self.role) if self.role else None,
            days=self.expires_in_days,
            scopes=self.scopes,
            namespaces=self.namespaces,
            cidrs=self.cidrs,
            service_account=self.service_account,
        )


class OwnRotation(Body):
    """What rotates the token that asks."""

    grace_seconds: int = 0


class Rotation(OwnRotation):
    """What rotates a token."""

    expires_in_days: int | None = None


def token(item: Token) -> dict[str, Any]:
    """A token, without its text."""
    return {
        "id": item.id,
        "name": item.subject_name,
        "kind": item.kind.value,
        "role": item.role,
        "subject": item.subject_id,
        "issuedBy": item.issued_by,
        "lastFour": item.last_four,
        "createdAt": _time(item.created_at),
        "expiresAt": _time(item.expires_at),
        "revokedAt": _time(item.revoked_at) if item.revoked_at else None,
        "lastUsedAt": _time(item.last_used_at) if item.last_used_at else None,
        **_restriction(item.restriction),
    }


def issued(item: IssuedToken) -> dict[str, Any]:
    """A token with its text: the one answer that holds it."""
    return {**token(item.token), "token": item.text}


def me(subject: Subject) -> dict[str, Any]:
    """Who asks."""
    return {
        "id": subject.id,
        "name": subject.name,
        "tokenId": subject.token_id,
        "roles": {tenant: role.value for tenant, role in sorted(subject.roles.items())},
        "platformRoles": sorted(role.value for role in subject.platform_roles),
        "username": subject.username,
        "groups": list(subject.groups),
        "email": subject.email,
        "issuer": subject.issuer,
        **_restriction(subject.restriction),
        "suspended": sorted(subject.suspended),
    }


def kubectl_credential(text: str, ends: datetime) -> dict[str, Any]:
    """What the exec plugin hands to kubectl."""
    return {"token": text, "expiresAt": _time(ends)}


def _restriction(item: Restriction) -> dict[str, Any]:
    return {
        "scopes": list(item.scopes),
        "namespaces": list(item.namespaces),
        "cidrs": list(item.cidrs),
    }


def _time(value: datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")
