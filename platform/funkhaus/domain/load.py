"""What replicas say they have done: calls, failures, how long they took. Pure; nothing is billed by it.

A replica counts since it began and forgets when it ends, so sums over replicas are of those that run now.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Work:
    """Calls since the replica began. `buckets` are upper bounds in seconds and how many calls took no longer."""

    ended: int = 0
    failed: int = 0
    running: int = 0
    buckets: tuple[tuple[float, int], ...] = ()

    def quantile(self, share: float) -> float | None:
        """Seconds within which `share` of the calls ended, interpolated inside a bucket as Prometheus does.

        The last bound that is a number, where it lies beyond; ``None`` without a call.
        """
        total = max((count for _, count in self.buckets), default=0)
        if not total:
            return None
        rank, below, low = share * total, 0, 0.0
        for bound, count in self.buckets:
            if count >= rank and count > below:
                if math.isinf(bound):
                    return low
                return low + (bound - low) * (rank - below) / (count - below)
            if not math.isinf(bound):
                low = bound
            below = count
        return low


def together(works: Iterable[Work]) -> Work:
    """The sum over replicas."""
    ended = failed = running = 0
    buckets: dict[float, int] = {}
    for work in works:
        ended, failed, running = (
            ended + work.ended, failed + work.failed, running + work.running
        )  # fmt: skip
        for bound, count in work.buckets:
            buckets[bound] = buckets.get(bound, 0) + count
    return Work(ended, failed, running, tuple(sorted(buckets.items())))
