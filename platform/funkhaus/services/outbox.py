"""From the outbox to the cluster: rows that were decided become objects, in each object's order, until it works."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from funkhaus import logs
from funkhaus.domain.errors import FunkhausError
from funkhaus.domain.kinds import kind_of

if TYPE_CHECKING:
    from datetime import datetime

    from funkhaus.ports import Clock, Cluster, OutboxItem, Stores

ROUND = 100
"""Items of one round, so that its result is known in time."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before an item is tried again: doubled with every failure."""
_LOG = logs.logger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a round did, and since when the oldest item that is left waits."""

    delivered: int
    failed: int
    oldest: datetime | None


class Outbox:
    """Delivers. Several processes may do so at once: an item is one's at a time, and doing it twice is harmless."""

    def __init__(self, stores: Stores, cluster: Cluster, clock: Clock) -> None:
        self._stores, self._cluster, self._clock = stores, cluster, clock

    async def deliver(self) -> Delivery:
        """One round over what is due. Raises `UnavailableError` when the database does not answer."""
        delivered = failed = 0
        while delivered + failed < ROUND:
            # One item per transaction: its lock is held for as long as the cluster takes, and no longer.
            async with self._stores.begin_platform() as work:
                items = await work.outbox(self._clock.now(), limit=1)
                if not items:
                    break
                item = items[0]
                try:
                    await self._carry_out(item)
                except FunkhausError as error:
                    failed += 1
                    pause = min(FIRST_PAUSE * 2**item.attempts, LONGEST_PAUSE)
                    until = self._clock.now() + timedelta(seconds=pause)
                    await work.postpone(item.sequence, error.message, until)
                    _LOG.warning(
                        "cluster change postponed",
                        name=item.manifest["metadata"]["name"],
                        attempts=item.attempts + 1,
                        error=error.message,
                    )
                else:
                    delivered += 1
                    await work.delivered(item.sequence)
        async with self._stores.begin_platform() as work:
            return Delivery(delivered, failed, await work.oldest_outbox_item())

    async def _carry_out(self, item: OutboxItem) -> None:
        if item.gone:
            meta = item.manifest["metadata"]
            kind = kind_of(item.manifest)
            await self._cluster.delete(kind, meta.get("namespace", ""), meta["name"])
        else:
            await self._cluster.apply(item.manifest, force=True)
