"""The port to a tenant's members and invitations: part of `TenantWork`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from funkhaus.domain.keyset import Moment
    from funkhaus.domain.member import Invitation, Member
    from funkhaus.domain.subject import Role


class Members(Protocol):
    """Members and invitations of the transaction's tenant."""

    async def page(self, *, after: str = "", limit: int = 100) -> Sequence[Member]:
        """Members by the user's id, those behind `after`; none behind what is no id."""

    async def count(self) -> int:
        """How many there are."""

    async def find(self, user_id: str) -> Member | None:
        """One member."""

    async def identified(self, issuer: str, sub: str) -> str | None:
        """The id of the user a provider knows by `sub`, member or not; ``None`` for nobody who has signed in."""

    async def owners(self) -> int:
        """How many owners there are."""

    async def put(self, user_id: str, role: Role, now: datetime) -> None:
        """Make the user a member, or change the role; raises `NotFoundError` for a user there isn't."""

    async def remove(self, user_id: str) -> None:
        """Remove a member; raises `NotFoundError`."""

    async def invitations(
        self, *, after: Moment | None = None, limit: int = 100
    ) -> Sequence[Invitation]:
        """Invitations, newest first, ended ones too, those older than `after`."""

    async def open_invitations(self, now: datetime) -> int:
        """How many can still be taken."""

    async def invite(self, invitation: Invitation, digest: bytes) -> None:
        """Insert an invitation by the keyed digest of its secret."""

    async def withdraw(self, invitation_id: str, now: datetime) -> Invitation:
        """Revoke one; an ended one stays as it is; raises `NotFoundError`."""

    async def withdraw_of(self, person: str, now: datetime) -> int:
        """Revoke all open ones that a cluster user made, by themselves or with a token they issued; how many that were."""

    async def take(self, invitation_id: str, user_id: str, now: datetime) -> bool:
        """Use an open invitation up, in one statement; whether it was open."""
