"""Which objects are due when. A plain data structure: time is an argument, nothing here waits.

An object is worked on by one at a time; what comes in meanwhile is remembered once. Failures push an object further and
further away, up to a limit, and never off.
"""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
"""Seconds before an object is tried again, after the first failure and at most."""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """One object: its kind's name, namespace (empty for cluster-scoped kinds) and name."""

    kind: str
    namespace: str
    name: str


@dataclass(slots=True)
class Agenda:
    """Times are seconds on any clock that only goes forward."""

    _times: dict[Key, float] = field(default_factory=dict)
    _heap: list[tuple[float, int, Key]] = field(default_factory=list)
    _busy: set[Key] = field(default_factory=set)
    _failures: dict[Key, int] = field(default_factory=dict)
    _order: itertools.count[int] = field(default_factory=itertools.count)

    def add(self, key: Key, at: float) -> None:
        """Have `key` worked on at `at`, or earlier if it is due earlier already."""
        if at < self._times.get(key, float("inf")):
            self._times[key] = at
            if key not in self._busy:
                heapq.heappush(self._heap, (at, next(self._order), key))

    def take(self, now: float) -> Key | None:
        """The object that is due longest and nobody works on; it is the caller's until `done` or `failed`."""
        while self._heap and self._heap[0][0] <= now:
            at, _, key = heapq.heappop(self._heap)
            if self._times.get(key) == at and key not in self._busy:
                del self._times[key]
                self._busy.add(key)
                return key
        return None

    def done(self, key: Key, again_at: float | None = None) -> None:
        """Give `key` back; earlier failures are forgotten."""
        self._failures.pop(key, None)
        self._back(key, again_at)

    def failed(self, key: Key, now: float, spread: float = 1.0) -> float:
        """Give `key` back to be tried again; the seconds until then. `spread` keeps many from coming back at once."""
        count = self._failures.get(key, 0)
        self._failures[key] = count + 1
        pause = min(FIRST_PAUSE * float(1 << min(count, 16)), LONGEST_PAUSE) * spread
        self._back(key, now + pause)
        return pause

    def forget(self, key: Key) -> None:
        """Drop what is remembered of an object that is gone."""
        self._failures.pop(key, None)
        self._times.pop(key, None)

    def next_at(self) -> float | None:
        """When the next object is due; ``None`` when none is."""
        while self._heap:
            at, _, key = self._heap[0]
            if self._times.get(key) == at and key not in self._busy:
                return at
            heapq.heappop(self._heap)
        return None

    def due(self, now: float) -> int:
        """How many wait to be worked on now."""
        return sum(1 for at in self._times.values() if at <= now)

    @property
    def busy(self) -> int:
        """How many are being worked on."""
        return len(self._busy)

    def _back(self, key: Key, again_at: float | None) -> None:
        self._busy.discard(key)
        if again_at is not None:
            self._times[key] = min(again_at, self._times.get(key, again_at))
        if key in self._times:
            heapq.heappush(self._heap, (self._times[key], next(self._order), key))
