"""The port to a tenant's service accounts, inside one of its transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.domain.service_account import ServiceAccount


class ServiceAccounts(Protocol):
    """Service accounts of one tenant, by name."""

    async def add(self, account: ServiceAccount) -> None:
        """Insert; raises `ConflictError` when the name is taken."""

    async def get(self, name: str) -> ServiceAccount:
        """One; raises `NotFoundError`."""

    async def page(self, *, after: str = "", limit: int = 100) -> Sequence[ServiceAccount]:
        """By name, those behind `after`."""

    async def remove(self, name: str) -> None:
        """Delete; raises `NotFoundError`. The name may be given out again, the id never."""
