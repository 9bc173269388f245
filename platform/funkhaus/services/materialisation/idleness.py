"""How long a function has had no call, as its replicas' own counters say.

It is remembered here and nowhere else: a controller that begins knows nothing and lets the time begin anew, so that a
restart makes a function sleep later at worst.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING

from funkhaus.domain.errors import FunkhausError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from funkhaus.ports import Activity, Clock, Manifest

FUNCTIONS_KEPT = 20_000
_Count = tuple[tuple[str, int], ...]


class Idleness:
    """Asks replicas what they have done; `key` is a function's uid."""

    def __init__(self, activity: Activity, clock: Clock) -> None:
        self._activity, self._clock = activity, clock
        self._since: OrderedDict[str, tuple[_Count, datetime]] = OrderedDict()

    async def seconds(self, key: str, pods: Iterable[Manifest]) -> float | None:
        """Since the last call that was seen; ``None`` while a call runs, or where a replica doesn't say."""
        now = self._clock.now()
        found = [(str(pod["metadata"].get("uid")), str(pod["status"]["podIP"])) for pod in pods]
        try:
            said = await asyncio.gather(*(self._activity.calls(host) for _, host in found))
        except FunkhausError:
            self.forget(key)
            return None
        count = tuple(
            sorted((uid, calls.ended) for (uid, _), calls in zip(found, said, strict=True))
        )
        before = self._since.pop(key, None)
        changed = before is None or before[0] != count
        running = any(calls.running for calls in said)
        since = now if changed or running or before is None else before[1]
        self._since[key] = (count, since)
        while len(self._since) > FUNCTIONS_KEPT:
            self._since.popitem(last=False)
        return None if running else (now - since).total_seconds()

    def forget(self, key: str) -> None:
        """Let the time begin anew."""
        self._since.pop(key, None)
