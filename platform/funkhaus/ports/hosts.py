"""The ports to hosts: whose each is, and which triggers answer for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class HostUse:
    """A trigger that answers for a host."""

    host: str
    namespace: str
    trigger: str


class Hosts(Protocol):
    """The hosts of one tenant, in a transaction of that tenant's. A host is one tenant's, whoever comes first.

    It stays the tenant's for a while after the last of its triggers has let go of it: whoever was sent there is not sent
    to somebody else a moment later.
    """

    async def of(self, namespace: str, trigger: str) -> frozenset[str]:
        """The hosts a trigger holds: one, or while a change is under way both."""

    async def claim(self, namespace: str, trigger: str, host: str, now: datetime) -> bool:
        """Have a trigger hold a host, beside what it holds; whether it is the tenant's now.

        Waits for whoever claims the same host at the same time. Where it is another's the transaction is to be given up.
        """

    async def keep(
        self, namespace: str, trigger: str, hosts: Collection[str], now: datetime
    ) -> None:
        """Let go of everything a trigger holds but these. The tenant's books are locked."""

    async def below(self, suffix: str, *, limit: int) -> Sequence[HostUse]:
        """Who answers for the suffix itself or for what lies below it, by host."""

    async def suffixes(self) -> Sequence[str]:
        """Suffixes granted beside the default one, sorted."""

    async def grant(self, suffix: str) -> None:
        """Let the tenant have hosts below a suffix; raises `ConflictError` when it is somebody's already."""

    async def withdraw(self, suffix: str) -> bool:
        """Take a suffix back, which takes no host; whether it was granted."""


class PlatformHosts(Protocol):
    """The hosts of all tenants."""

    async def overlapping(self, suffix: str) -> Mapping[str, str]:
        """Suffixes granted that are this one, lie below it or above it, with whose each is."""

    async def forget(self, released_before: datetime, *, limit: int = 500) -> int:
        """Give up hosts that were let go of, or whose tenant went, before then; how many."""
