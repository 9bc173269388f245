"""Who is served next when there is more to do than can be done at once: every tenant in turn, however much one asks."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from funkhaus.domain.errors import TooManyError
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WAITING = 200
"""Of one tenant's, at most: who waits behind so many would not be served before its deadline."""


class Turns:
    """`at_once` places. One that comes free goes to the tenant that has the fewest, of those the one served least
    recently; so a flood waits for itself, and a neighbour's single request for one place at most.

    Belongs to one event loop.
    """

    def __init__(self, at_once: int, waiting: int = WAITING) -> None:
        self._free, self._waiting = at_once, waiting
        self._working: Counter[str] = Counter()
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def turn(self, tenant: str) -> AsyncIterator[None]:
        """A place of `tenant`'s for the block. Raises `TooManyError` when too many of its own wait for one."""
        await self._take(tenant)
        try:
            yield
        finally:
            self._give(tenant)

    async def _take(self, tenant: str) -> None:
        if self._free:  # then nobody waits
            self._free -= 1
            self._working[tenant] += 1
            return
        queue = self._queues.setdefault(tenant, deque())
        if len(queue) >= self._waiting:
            message = (
                f"{self._waiting} changes of tenant {tenant!r} wait to be judged already; "
                "try again when some are through"
            )
            finding = Finding("reviews-waiting", message, limit=self._waiting)
            raise TooManyError(message, findings=[finding])
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():  # it was given in the moment we gave up
                self._give(tenant)
            else:
                self._forget(tenant, place)
            raise

    def _forget(self, tenant: str, place: asyncio.Future[None]) -> None:
        queue = self._queues.get(tenant, deque())
        if place in queue:
            queue.remove(place)
        if not queue:
            self._queues.pop(tenant, None)

    def _give(self, tenant: str) -> None:
        self._working[tenant] -= 1
        if not self._working[tenant]:
            del self._working[tenant]
        while self._queues:
            following = min(self._queues, key=lambda name: self._working[name])
            queue = self._queues.pop(following)
            place = queue.popleft()
            if queue:
                self._queues[following] = queue  # behind all others now
            if not place.done():
                self._working[following] += 1
                place.set_result(None)
                return
        self._free += 1
