"""Tokens and subjects on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from funkhaus.services.tokens import DAYS_DEFAULT
from funkhaus_api.wire.reading import Body

if TYPE_CHECKING:
    from datetime import datetime

    from funkhaus.domain.subject import Subject
    from funkhaus.domain.token import Token
    from funkhaus.services.tokens import IssuedToken


class NewToken(Body):
    """What issues a token."""

    name: str
    role: Literal["owner", "developer", "viewer"]
    expires_in_days: int = DAYS_DEFAULT


def token(item: Token) -> dict[str, Any]:
    """A token, without its text."""
    return {
        "id": item.id,
        "name": item.subject_name,
        "kind": item.kind.value,
        "role": item.role,
        "subject": item.subject_id,
        "lastFour": item.last_four,
        "createdAt": _time(item.created_at),
        "expiresAt": _time(item.expires_at),
        "revokedAt": _time(item.revoked_at) if item.revoked_at else None,
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
    }


def _time(value: datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")
