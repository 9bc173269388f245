"""The port to the decision log, within a transaction across tenants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from funkhaus.domain.decision import Decision


class Decisions(Protocol):
    """What the policy engine answered. Rows are appended, read in order, and forgotten by age and number."""

    async def add(self, decisions: Sequence[Decision]) -> None:
        """Append sealed decisions, all or none."""

    async def page(
        self, since: datetime, after: tuple[str, int] = ("", 0), *, limit: int
    ) -> Sequence[Decision]:
        """Decisions from `since` on, dry runs left out, by tenant and sequence, behind the tenant and sequence `after`."""

    async def forget(self, before: datetime, *, limit: int) -> int:
        """Delete some that are older; how many."""

    async def trim(self, keep: int, *, limit: int) -> int:
        """Delete some of tenants that have more than the latest `keep`, the oldest first; how many."""
