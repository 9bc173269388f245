"""`Ledger` without a database: accounts are summed up from the charges every time, so no book can disagree with itself."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from funkhaus.domain.errors import ConflictError, NotFoundError
from funkhaus.domain.quota import AMOUNTS, NOTHING, Account, Amounts, Quota

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from funkhaus.domain.charge import Charge, Key
    from funkhaus.ports import Override

    from .stores import State


@dataclass
class Books:
    """Charges by tenant and key, tenants' quotas where they are not the plan's, overrides."""

    charges: dict[tuple[str, Key], Charge] = field(default_factory=dict)
    quotas: dict[str, Quota] = field(default_factory=dict)
    overrides: dict[str, Override] = field(default_factory=dict)
    serial: int = 0

    def copy(self) -> Books:
        return Books(dict(self.charges), dict(self.quotas), dict(self.overrides), self.serial)


class MemoryLedger:
    """The books of one tenant."""

    def __init__(self, state: State, tenant: str) -> None:
        self._state, self._books, self._tenant = state, state.books, tenant

    async def charge(self, key: Key) -> Charge | None:
        return self._books.charges.get((self._tenant, key))

    async def standing(self, key: Key) -> tuple[Charge | None, Account, Account]:
        return await self.charge(key), await self.account(key.namespace), await self.account()

    async def account(self, namespace: str = "") -> Account:
        if not namespace:
            if self._tenant not in self._state.tenants:
                raise NotFoundError(f"there is no tenant {self._tenant!r}")
            plan = self._state.plans[self._state.tenants[self._tenant].plan]
            hard = self._books.quotas.get(self._tenant, plan.tenant_quota)
        else:
            found, there = self._state.namespaces.get((self._tenant, namespace), (None, False))
            if found is None or not there:
                raise NotFoundError(f"there is no namespace {namespace!r}")
            hard = found.quota
        charges = [
            charge
            for (tenant, key), charge in self._books.charges.items()
            if tenant == self._tenant and namespace in {"", key.namespace}
        ]
        used = total(charge.used for charge in charges)
        reserved = total(charge.reserved for charge in charges)
        return Account(self._tenant, namespace, hard, used, reserved)

    async def accounts(self) -> Sequence[Account]:
        names = sorted(
            name for (tenant, name), (_, there) in self._state.namespaces.items()
            if tenant == self._tenant and there
        )  # fmt: skip
        return [await self.account(name) for name in ("", *names)]

    async def largest(self, *, namespace: str = "", limit: int = 20) -> Sequence[Charge]:
        own = [
            charge
            for (tenant, key), charge in self._books.charges.items()
            if tenant == self._tenant and namespace in {"", key.namespace}
        ]
        own.sort(
            key=lambda item: (
                -item.held.cpu_millis, -item.held.memory_bytes,
                item.key.namespace, item.key.kind, item.key.name,
            )
        )  # fmt: skip
        return own[:limit]

    async def move(
        self, key: Key, before: Charge | None, after: Charge | None, *, guarded: bool
    ) -> None:
        now = self._books.charges.get((self._tenant, key))
        if (now.serial if now else 0) != (before.serial if before else 0):
            raise ConflictError("the charge was changed meanwhile")
        growth = (after.held if after else NOTHING) - (before.held if before else NOTHING)
        for name in AMOUNTS if guarded else ():
            by = getattr(growth, name)
            for account in (await self.account(), await self.account(key.namespace)):
                if by > 0 and getattr(account.held, name) + by > getattr(account.hard, name):
                    raise ConflictError("there is no room")
        if after is None:
            self._books.charges.pop((self._tenant, key), None)
        else:
            self._books.serial += 1
            self._books.charges[self._tenant, key] = replace(after, serial=self._books.serial)

    async def set_namespace_quota(self, namespace: str, quota: Quota) -> None:
        await self.account(namespace)
        found, there = self._state.namespaces[self._tenant, namespace]
        self._state.namespaces[self._tenant, namespace] = (replace(found, quota=quota), there)

    async def set_tenant_quota(self, quota: Quota) -> None:
        self._books.quotas[self._tenant] = quota

    async def override(self) -> Override | None:
        return self._books.overrides.get(self._tenant)

    async def set_override(self, override: Override | None) -> None:
        if override is None:
            self._books.overrides.pop(self._tenant, None)
        else:
            self._books.overrides[self._tenant] = override

    async def balance(self) -> int:
        return 0

    async def lock(self) -> None:
        """A transaction in memory is alone anyway."""


class MemoryPlatformLedger:
    """The books of all tenants."""

    def __init__(self, books: Books) -> None:
        self._books = books

    async def due(
        self, asked_before: datetime, checked_before: datetime, *, limit: int = 50
    ) -> Sequence[tuple[str, Charge]]:
        found = [
            (tenant, charge)
            for (tenant, _), charge in self._books.charges.items()
            if (
                charge.asked_at < asked_before
                if charge.asked_at
                else charge.checked_at < checked_before
            )
        ]
        return sorted(found, key=lambda item: item[1].checked_at)[:limit]

    async def expired_overrides(
        self, now: datetime, *, after: str = "", limit: int = 50
    ) -> Sequence[str]:
        overrides = self._books.overrides.items()
        return sorted(
            tenant for tenant, item in overrides if item.expires_at <= now and tenant > after
        )[:limit]


def total(amounts: Iterable[Amounts]) -> Amounts:
    """The sum."""
    return sum(amounts, NOTHING)
