"""`Hosts` without a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.domain.errors import ConflictError
from funkhaus.domain.names import within
from funkhaus.ports import HostUse

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from .stores import State


class MemoryHosts:
    """A tenant's."""

    def __init__(self, state: State, tenant: str) -> None:
        self._hosts, self._uses, self._tenant = state.hosts, state.host_uses, tenant
        self._suffixes = state.suffixes

    async def of(self, namespace: str, trigger: str) -> frozenset[str]:
        place = (self._tenant, namespace, trigger)
        return frozenset(use[3] for use in self._uses if use[:3] == place)

    async def claim(self, namespace: str, trigger: str, host: str, now: datetime) -> bool:  # noqa: ARG002 - the port's
        if self._hosts.get(host, (self._tenant, None))[0] != self._tenant:
            return False
        self._hosts[host] = (self._tenant, None)
        self._uses.add((self._tenant, namespace, trigger, host))
        return True

    async def keep(
        self, namespace: str, trigger: str, hosts: Collection[str], now: datetime
    ) -> None:
        for host in await self.of(namespace, trigger) - set(hosts):
            self._uses.remove((self._tenant, namespace, trigger, host))
            if not any(use[3] == host for use in self._uses):
                self._hosts[host] = (self._tenant, now)

    async def below(self, suffix: str, *, limit: int) -> Sequence[HostUse]:
        found = sorted(
            (host, namespace, trigger)
            for tenant, namespace, trigger, host in self._uses
            if tenant == self._tenant and within(host, suffix)
        )
        return [HostUse(*use) for use in found[:limit]]

    async def suffixes(self) -> Sequence[str]:
        return sorted(item for item, tenant in self._suffixes.items() if tenant == self._tenant)

    async def grant(self, suffix: str) -> None:
        if suffix in self._suffixes:
            raise ConflictError(f"the host suffix {suffix!r} is granted already")
        self._suffixes[suffix] = self._tenant

    async def withdraw(self, suffix: str) -> bool:
        if self._suffixes.get(suffix) != self._tenant:
            return False
        del self._suffixes[suffix]
        return True


class MemoryPlatformHosts:
    """All tenants'."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def overlapping(self, suffix: str) -> Mapping[str, str]:
        granted = self._state.suffixes.items()
        return {
            one: tenant for one, tenant in granted if within(one, suffix) or within(suffix, one)
        }

    async def forget(self, released_before: datetime, *, limit: int = 500) -> int:
        state = self._state
        gone = [
            host
            for host, (tenant, released) in state.hosts.items()
            if (released and released < released_before)
            or (tenant not in state.tenants and tenant in state.ended)
        ][:limit]
        for host in gone:
            del state.hosts[host]
        state.host_uses -= {use for use in state.host_uses if use[3] in gone}
        return len(gone)
