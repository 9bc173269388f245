"""Who asks. Never a bare name: a subject is a kind, an id and what it may reach."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from funkhaus.domain.restriction import UNRESTRICTED, Restriction

if TYPE_CHECKING:
    from datetime import datetime

PREFIX = "fh:"
"""Every cluster user and group the platform speaks for starts with this; nothing else may be impersonated."""

ADMIN_GROUP = f"{PREFIX}platform:admin"
TOKEN_EXTRA = "funkhaus.dev/token-id"  # noqa: S105 - the key of an impersonation extra, no secret
SUBJECT_EXTRA = "funkhaus.dev/subject"


class Role(StrEnum):
    """A role within one tenant."""

    OWNER = "owner"
    DEVELOPER = "developer"
    VIEWER = "viewer"
    BILLING = "billing"


class PlatformRole(StrEnum):
    """A role over the whole platform."""

    ADMIN = "admin"
    APPROVER = "approver"
    AUDITOR = "auditor"


@dataclass(frozen=True, slots=True)
class Subject:
    """An authenticated asker.

    `id` is the platform's own uuid of the user or service account; `token_id` the credential it came with;
    `roles` maps tenant id to role; `platform_roles` holds roles over all tenants. A person who signed in comes with the
    `issuer` that vouches for them, and with an `email` where the issuer checked it.
    `roles` maps tenant id to role; `platform_roles` holds roles over all tenants. `restriction` and `ends_at` are the
    credential's own; in a tenant of `suspended` the subject only reads.
    """

    id: str
    name: str
    token_id: str = ""
    roles: dict[str, Role] = field(default_factory=dict)
    platform_roles: frozenset[PlatformRole] = frozenset()
    issuer: str = ""
    sub: str = ""
    """Whom the issuer says it is."""
    email: str = ""

    @property
    def is_user(self) -> bool:
        """Whether it is a person who signed in, not a token."""
        return bool(self.issuer)

    restriction: Restriction = UNRESTRICTED
    ends_at: datetime | None = None
    suspended: frozenset[str] = frozenset()
    behind: str = ""
    """The cluster user of the person who issued its token; empty for a person."""

    @property
    def person(self) -> str:
        """Whose word its word is: whoever issued the token, else the subject itself."""
        return self.behind or self.username

    def speaks_for(self, *subjects: str) -> bool:
        """Whether one of these cluster users is the subject, or the person behind it: nobody decides on their own."""
        return not {self.username, self.person}.isdisjoint(subjects)

    @property
    def is_admin(self) -> bool:
        """Whether the subject administers the platform."""
        return PlatformRole.ADMIN in self.platform_roles

    @property
    def username(self) -> str:
        """The name kube-apiserver knows the subject by."""
        return f"{PREFIX}{self.id}"

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups kube-apiserver knows the subject by; RoleBindings name these.

        In a tenant that rests writers are viewers, so no Secret is written and nothing else that no webhook judges. What
        webhooks do judge they may still try, to be told why not, and delete.
        """
        own = [
            name
            for tenant, role in sorted(self.roles.items())
            for name in (
                (group(tenant, Role.VIEWER), suspended_group(tenant))
                if tenant in self.suspended and role in _WRITERS
                else (group(tenant, role),)
            )
        ]
        return (*own, *((ADMIN_GROUP,) if self.is_admin else ()))


_WRITERS = frozenset({Role.OWNER, Role.DEVELOPER})


def group(tenant: str, role: Role) -> str:
    """The cluster group of a tenant's role."""
    return f"{PREFIX}{tenant}:{role.value}"


def suspended_group(tenant: str) -> str:
    """The cluster group of those who would write in a tenant that rests."""
    return f"{PREFIX}{tenant}:suspended"
