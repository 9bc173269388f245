"""Members, invitations and grants on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.member import INVITATION_DAYS
from funkhaus.domain.user import EMAIL_LIMIT
from funkhaus.domain.verdict import Finding
from funkhaus_api.wire.reading import Body
from funkhaus_api.wire.tokens import token

if TYPE_CHECKING:
    from datetime import datetime

    from funkhaus.domain.group_rule import GroupRule
    from funkhaus.domain.member import Invitation, Member
    from funkhaus.domain.subject import PlatformRole
    from funkhaus.domain.user import User
    from funkhaus.services.invitations import IssuedInvitation
    from funkhaus.services.members import Left
    from funkhaus.services.users import Known

RoleName = Literal["owner", "developer", "viewer", "billing"]
KEY_LIMIT = 64
IDENTITY_LIMIT = 1000
"""Characters of an issuer or a sub."""


class NewMember(Body):
    """What makes a member, or changes one."""

    user: str | None = Field(default=None, max_length=KEY_LIMIT)
    issuer: str = Field(default="", max_length=IDENTITY_LIMIT)
    sub: str = Field(default="", max_length=IDENTITY_LIMIT)
    role: RoleName
    revoke_tokens: bool = False

    def check(self) -> None:
        """Pass if it names somebody in one of the two ways; raises `InvalidError`."""
        if (self.user is not None) == bool(self.issuer and self.sub):
            message = "the id of a user passes, or issuer and sub of one"
            raise InvalidError.at(Finding("field-value", message, "user"))


class NewInvitation(Body):
    """What invites: an address, or nothing for a link."""

    email: str = Field(default="", max_length=EMAIL_LIMIT)
    role: RoleName
    expires_in_days: int = INVITATION_DAYS


class Acceptance(Body):
    """What takes an invitation: its secret, or the id of one to the asker's address."""

    secret: str = Field(default="", max_length=KEY_LIMIT)
    id: str = Field(default="", max_length=KEY_LIMIT)


class NewGrant(Body):
    """What grants a platform role."""

    user: str = Field(max_length=KEY_LIMIT)
    role: Literal["admin", "approver", "auditor"]


def member(item: Member) -> dict[str, Any]:
    """A member."""
    return {
        "user": item.user_id,
        "email": item.email,
        "displayName": item.display_name,
        "role": item.role.value,
        "since": _time(item.since),
        "issuer": item.issuer,
        "sub": item.sub,
        "source": item.source,
        "group": item.group,
        "until": _time(item.until) if item.until else None,
    }


def member_rule(item: GroupRule) -> dict[str, Any]:
    """A rule that gives a role in a tenant."""
    return {"issuer": item.issuer, "group": item.group, "role": item.role and item.role.value}


def left(item: Left) -> dict[str, Any]:
    """What somebody had made who is no member any more, or may less."""
    return {
        "invitationsRevoked": item.invitations,
        "tokens": [token(one) for one in item.tokens],
        "tokensRevoked": item.revoked,
    }


def invitation(item: Invitation, now: datetime) -> dict[str, Any]:
    """An invitation, without its secret."""
    return {
        "id": item.id,
        "tenant": item.tenant,
        "email": item.email,
        "role": item.role.value,
        "state": item.state(now),
        "invitedBy": item.invited_by,
        "createdAt": _time(item.created_at),
        "expiresAt": _time(item.expires_at),
    }


def issued(item: IssuedInvitation, now: datetime) -> dict[str, Any]:
    """An invitation with its secret: the one answer that holds it."""
    return {**invitation(item.invitation, now), "secret": item.secret}


def grant(user: User, role: PlatformRole) -> dict[str, Any]:
    """A platform role granted."""
    return {
        "user": user.id,
        "email": user.email,
        "displayName": user.display_name,
        "role": role.value,
    }


def user(item: User) -> dict[str, Any]:
    """A user, and whether they stay out."""
    word = item.disabled
    return {
        "id": item.id,
        "email": item.email,
        "displayName": item.display_name,
        "issuer": item.issuer,
        "sub": item.sub,
        "createdAt": _time(item.created_at),
        "lastSignInAt": _time(item.last_login_at),
        "disabled": word and {"since": _time(word.at), "reason": word.reason, "by": word.by},
    }


def known(item: Known) -> dict[str, Any]:
    """A user, and the roles that were given to them by name."""
    return {
        **user(item.user),
        "roles": {tenant: role.value for tenant, role in sorted(item.roles.items())},
        "platformRoles": sorted(role.value for role in item.platform_roles),
    }


def _time(value: datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")
