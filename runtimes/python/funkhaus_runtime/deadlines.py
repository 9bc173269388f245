"""One deadline for many things that all may take equally long, at the cost of a dictionary entry each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

T = TypeVar("T")


class Deadlines(Generic[T]):
    """Calls `expire` with everything that was started and not stopped within `seconds`.

    All wait equally long, so the oldest is always the next to expire and one timer serves all.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, seconds: float, expire: Callable[[T], None]
    ) -> None:
        self._loop = loop
        self._seconds = seconds
        self._expire = expire
        self._due: dict[T, float] = {}
        self._armed = False

    def start(self, thing: T) -> None:
        """From now on it has its seconds."""
        due = self._loop.time() + self._seconds
        self._due[thing] = due
        if not self._armed:
            self._armed = True
            self._loop.call_at(due, self._check)

    def stop(self, thing: T) -> None:
        """It is done; no matter if it has expired."""
        self._due.pop(thing, None)

    def _check(self) -> None:
        self._armed = False
        now = self._loop.time()
        while self._due:
            thing, due = next(iter(self._due.items()))
            if due > now:
                self._armed = True
                self._loop.call_at(due, self._check)
                return
            del self._due[thing]
            self._expire(thing)
