"""The port to users and their roles: part of `PlatformWork`, for they are nobody's tenant's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from funkhaus.domain.keyset import Moment
    from funkhaus.domain.member import Invitation
    from funkhaus.domain.subject import PlatformRole, Role
    from funkhaus.domain.tenant import Suspension
    from funkhaus.domain.user import Identity, User


class Users(Protocol):
    """Users and what follows them everywhere."""

    async def signed_in(self, identity: Identity, now: datetime) -> User:
        """The user of an identity, made or brought up to date: `(issuer, sub)` is one user for ever."""

    async def user(self, user_id: str) -> User:
        """One user; raises `NotFoundError`."""

    async def page(
        self, *, email: str = "", after: tuple[str, str] = ("", ""), limit: int = 100
    ) -> Sequence[User]:
        """Users whose address begins with `email`, by address and id, those behind `after`; none behind what is no id."""

    async def disable(self, user_id: str, word: Suspension | None) -> User:
        """Have the user stay out, or let them in again; raises `NotFoundError`."""

    async def lock(self, user_id: str) -> None:
        """Be the only one who counts what the user has, until the transaction ends. Raises `NotFoundError`."""

    async def roles(self, user_id: str) -> Mapping[str, Role]:
        """Role per tenant, of tenants that are there."""

    async def platform_roles(self, user_id: str) -> frozenset[PlatformRole]:
        """Platform roles granted to the user."""

    async def grant(self, user_id: str, role: PlatformRole, by: str, now: datetime) -> None:
        """Grant one; again is harmless. Raises `NotFoundError` for a user there isn't."""

    async def withdraw(self, user_id: str, role: PlatformRole) -> None:
        """Withdraw one; raises `NotFoundError` where it is not granted."""

    async def grants(
        self, *, after: tuple[str, str] = ("", ""), limit: int = 100
    ) -> Sequence[tuple[User, PlatformRole]]:
        """Grants by the user's id and the role, those behind `after`; none behind what is no id."""

    async def found(self, user_id: str, tenant: str, now: datetime) -> None:
        """Make the user the founder and an owner of a tenant that was just added."""

    async def founded(self, user_id: str) -> int:
        """How many tenants that are there the user founded."""

    async def invitation_by_digest(self, digest: bytes) -> Invitation | None:
        """The invitation with this keyed digest, whatever its state; none of a tenant that is gone."""

    async def invitations_to(
        self, email: str, now: datetime, *, after: Moment | None = None, limit: int = 100
    ) -> Sequence[Invitation]:
        """Open invitations to an address, newest first, those older than `after`."""

    async def invitation_to(self, email: str, invitation_id: str) -> Invitation | None:
        """The invitation of that id to an address, whatever its state; none of a tenant that is gone."""
