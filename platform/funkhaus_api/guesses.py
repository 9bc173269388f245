"""How many wrong codes are borne: per peer, and over all of them, because peers are cheap.

Kept in the process: with N processes an attacker has N times as many tries, and 20^8 codes to find one of in ten minutes.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from funkhaus.domain.errors import TooManyError

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 60.0
PER_PEER = 10
IN_ALL = 100
PEERS_LIMIT = 10_000


class Guesses:
    """Wrong guesses of the last minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._all: deque[float] = deque()
        self._peers: OrderedDict[str, deque[float]] = OrderedDict()

    def admit(self, peer: str) -> None:
        """Pass if `peer` may guess; raises `TooManyError`."""
        own = self._peers.get(peer, deque())
        if _recent(own, self._clock()) >= PER_PEER or _recent(self._all, self._clock()) >= IN_ALL:
            raise TooManyError("too many wrong codes; try again in a minute")

    def wrong(self, peer: str) -> None:
        """Count one."""
        now = self._clock()
        self._all.append(now)
        self._peers.setdefault(peer, deque()).append(now)
        self._peers.move_to_end(peer)
        while len(self._peers) > PEERS_LIMIT:
            self._peers.popitem(last=False)


def _recent(times: deque[float], now: float) -> int:
    while times and now - times[0] >= SECONDS:
        times.popleft()
    return len(times)
