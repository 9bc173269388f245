"""The port to a tenant's standing, inside one of its transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from funkhaus.domain.tenant import Deletion, Suspension


class Lifecycle(Protocol):
    """Whether the transaction's tenant works, rests or goes. The tenant is locked."""

    async def suspend(self, suspension: Suspension | None) -> None:
        """Have it rest, or work again."""

    async def doom(self, deletion: Deletion | None) -> None:
        """Have it go at the deletion's time, or stay."""
