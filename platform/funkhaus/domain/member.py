"""Who belongs to a tenant, and who is asked to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from funkhaus.domain.subject import Role

MEMBERS_LIMIT = 500
INVITATIONS_LIMIT = 100
"""Open ones of one tenant."""
INVITATION_DAYS = 7
INVITATION_DAYS_LIMIT = 30


@dataclass(frozen=True, slots=True)
class Member:
    """A user's role in a tenant; `issuer` and `sub` are who they are at their provider.

    Who has it by a rule, not by anybody's word here, has it of `group`, from the sign-in `since` `until` that ends.
    """

    user_id: str
    email: str
    display_name: str
    role: Role
    since: datetime
    issuer: str = ""
    sub: str = ""
    group: str = ""
    until: datetime | None = None

    @property
    def source(self) -> str:
        """Where the role comes from: ``direct`` or ``group``."""
        return "group" if self.group else "direct"


@dataclass(frozen=True, slots=True)
class Invitation:
    """An offer of a role. With an `email` only a user whose provider checked that address may take it, without one
    whoever holds its secret; once.
    """

    id: str
    tenant: str
    email: str
    role: Role
    invited_by: str
    created_at: datetime
    expires_at: datetime
    accepted_by: str = ""
    revoked_at: datetime | None = None

    def state(self, now: datetime) -> str:
        """``open``, ``accepted``, ``revoked`` or ``expired``."""
        if self.accepted_by:
            return "accepted"
        if self.revoked_at is not None:
            return "revoked"
        return "open" if now < self.expires_at else "expired"
