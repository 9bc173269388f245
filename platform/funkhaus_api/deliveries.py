"""The outbox's worker: a round when something was put in, and every second for what was left."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from funkhaus import logs
from funkhaus.domain.errors import FunkhausError
from funkhaus.metrics import OUTBOX_AGE

if TYPE_CHECKING:
    from funkhaus.services.outbox import Outbox

PAUSE = 1.0
PAUSE_AFTER_FAILURE = 5.0
_LOG = logs.logger(__name__)


class Bell:
    """Rung when there is something to deliver."""

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


async def deliver(outbox: Outbox, bell: Bell) -> None:
    """Rounds for ever. No failure ends it: what stays undelivered is seen in the gauge of its age."""
    while True:
        pause = PAUSE
        try:
            done = await outbox.deliver()
            age = (datetime.now(UTC) - done.oldest).total_seconds() if done.oldest else 0.0
            OUTBOX_AGE.set(age)
        except FunkhausError as error:
            pause = PAUSE_AFTER_FAILURE
            _LOG.warning("outbox not read", error=error.message)
        except Exception:  # noqa: BLE001 - a bug must not end deliveries; it is logged
            pause = PAUSE_AFTER_FAILURE
            _LOG.exception("outbox round failed")
        await bell.wait(pause)
