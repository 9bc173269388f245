"""`Hosts` without a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from .stores import State


class MemoryHosts:
    """A tenant's."""

    def __init__(self, state: State, tenant: str) -> None:
        self._hosts, self._uses, self._tenant = state.hosts, state.host_uses, tenant

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


class MemoryPlatformHosts:
    """All tenants'."""

    def __init__(self, state: State) -> None:
        self._state = state

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
