"""The port to the books: what each object is charged, and the accounts of both levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from funkhaus.domain.charge import Charge, Key
    from funkhaus.domain.quota import Account, Quota


@dataclass(frozen=True, slots=True)
class Override:
    """A tenant's quota as an admin set it in place of the plan's, until `expires_at`. A count of ``None`` is the plan's."""

    quota: Quota
    reason: str
    by: str
    expires_at: datetime
    namespaces: int | None = None
    tokens: int | None = None


class Ledger(Protocol):
    """The books of one tenant, in a transaction of that tenant's."""

    async def charge(self, key: Key) -> Charge | None:
        """What an object is charged, if it is."""

    async def standing(self, key: Key) -> tuple[Charge | None, Account, Account]:
        """An object's charge, its namespace's account and the tenant's, all of one instant.

        Raises `NotFoundError` as `account` does.
        """

    async def account(self, namespace: str = "") -> Account:
        """A namespace's account, or the tenant's own; raises `NotFoundError`, not for a deleted namespace."""

    async def accounts(self) -> Sequence[Account]:
        """The tenant's account, then those of its namespaces that are there, by name."""

    async def largest(self, *, namespace: str = "", limit: int = 20) -> Sequence[Charge]:
        """The charges that hold most CPU, then memory, from the top; of one namespace where one is named."""

    async def move(
        self, key: Key, before: Charge | None, after: Charge | None, *, guarded: bool
    ) -> None:
        """Have an object charged `after` instead of `before`, on both levels at once.

        `before` is the charge as read. With `guarded` no account may grow above its quota by this. Raises
        `ConflictError` when it would, or when the charge is no longer `before`: then the transaction is to be given up.
        """

    async def set_namespace_quota(self, namespace: str, quota: Quota) -> None:
        """What a namespace may hold from now on; raises `NotFoundError`."""

    async def set_tenant_quota(self, quota: Quota) -> None:
        """What the tenant may hold from now on."""

    async def override(self) -> Override | None:
        """The admin's override, whether expired or not."""

    async def set_override(self, override: Override | None) -> None:
        """Note an override, or that there is none; the tenant's quota is not changed by this."""

    async def balance(self) -> int:
        """Have the accounts be the sums of the charges; how many were not (none ever should)."""

    async def lock(self) -> None:
        """Be the only one to change the tenant's accounts until the transaction ends."""


class PlatformLedger(Protocol):
    """The books of all tenants: what the sweeper goes through."""

    async def due(
        self, asked_before: datetime, checked_before: datetime, *, limit: int = 50
    ) -> Sequence[tuple[str, Charge]]:
        """Tenant and charge of asks outstanding since before `asked_before`, and of what nobody has looked at since
        `checked_before`; longest unchecked first.
        """

    async def expired_overrides(
        self, now: datetime, *, after: str = "", limit: int = 50
    ) -> Sequence[str]:
        """Tenants whose override has expired, by id, those after `after`."""
