"""How many calls run at once, and how many may wait for a place."""

from __future__ import annotations

import asyncio
from collections import deque

from funkhaus_runtime import problems


class Gate:
    """A bounded number of places and a bounded queue before them, first come first served."""

    def __init__(self, places: int, queue: int, patience: float) -> None:
        """`patience` is how many seconds a call waits in the queue at most."""
        self.places = places
        self.running = 0
        self._queue = queue
        self._patience = patience
        self._emptied = asyncio.Event()
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return len(self._waiting)

    def enter(self) -> bool:
        """Take a place if one is free, to be given back by `leave`."""
        if self.running < self.places:
            self.running += 1
            return True
        return False

    async def wait(self) -> None:
        """Take a place as soon as one is free; raises a `CallError` (503) where none is in time."""
        if len(self._waiting) >= self._queue:
            raise problems.busy(f"{self.places} calls run and {self._queue} wait.")
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._patience):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.leave()  # the place was given in the same moment: pass it on
            elif turn in self._waiting:
                self._waiting.remove(turn)
            if isinstance(error, TimeoutError):
                raise problems.busy(f"No place became free within {self._patience:g} s.") from None
            raise

    def leave(self) -> None:
        """Give the place to who waits longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.running -= 1
        if not self.running:
            self._emptied.set()

    async def emptied(self) -> None:
        """Wait until nothing runs and nothing waits."""
        while self.running:
            self._emptied.clear()
            await self._emptied.wait()
