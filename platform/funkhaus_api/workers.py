"""What the API server does beside answering: jobs that are done over and over while it runs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus import logs
from funkhaus.domain.errors import FunkhausError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_LOG = logs.logger(__name__)


@dataclass(frozen=True, slots=True)
class Worker:
    """A job, named in the log when a round of it fails, and the seconds it rests after one; `rest` is given them."""

    what: str
    round: Callable[[], Awaitable[object]]
    pause: float
    after_failure: float | None = None
    """The pause after a round that failed, where it's another."""
    rest: Callable[[float], Awaitable[object]] = asyncio.sleep

    async def run(self) -> None:
        """Rounds until it is cancelled. No failure ends it: what is not done now is due the next time."""
        while True:
            pause = self.pause
            try:
                await self.round()
            except FunkhausError as error:
                pause = self.after_failure or pause
                _LOG.warning("a round failed", what=self.what, error=error.message)
            except Exception:  # noqa: BLE001 - a bug must not end the worker; it is logged
                pause = self.after_failure or pause
                _LOG.exception("a round failed", what=self.what)
            await self.rest(pause)


class Bell:
    """Rung when there is something to do."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake who waits."""
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Until it rings, `seconds` at most."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return
        self._event.clear()
