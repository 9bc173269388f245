"""From the database to the address the operator named, until it says it has it or has had its chances."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from funkhaus import logs
from funkhaus.domain.errors import FunkhausError
from funkhaus.domain.notification import ATTEMPTS, Destination, pause

if TYPE_CHECKING:
    from funkhaus.domain.notification import Notification
    from funkhaus.ports import Clock, Dialer, Stores

SECONDS = 10.0
"""For one delivery."""
ANSWER_LIMIT = 64 * 1024
ROUND = 50
"""Deliveries of one round."""
_LOG = logs.logger(__name__)


class Announcer:
    """Sends. Several processes may do so at once: a notification is one's at a time. Without a destination none is kept."""

    def __init__(
        self, stores: Stores, dialer: Dialer, clock: Clock, destination: Destination | None
    ) -> None:
        self._stores, self._dialer, self._clock = stores, dialer, clock
        self._destination = destination

    async def round(self) -> int:
        """Send what is due, `ROUND` at most; how many arrived. Raises `UnavailableError` when the database is away."""
        if self._destination is None:
            async with self._stores.begin_platform() as work:
                await work.notifications.drop()
            return 0
        arrived = 0
        for _ in range(ROUND):
            # One per transaction: its lock is held for as long as the other side takes, and no longer.
            async with self._stores.begin_platform() as work:
                item = await work.notifications.due(self._clock.now())
                if item is None:
                    break
                error = await self._sent(self._destination, item)
                if not error or item.attempts + 1 >= ATTEMPTS:
                    await work.notifications.done(item.id)
                else:
                    until = self._clock.now() + pause(item.attempts)
                    await work.notifications.postpone(item.id, error, until)
            arrived += not error
            if error:
                given_up = item.attempts + 1 >= ATTEMPTS
                _LOG.warning(
                    "notification not delivered", id=item.id, error=error, given_up=given_up
                )
        return arrived

    async def _sent(self, destination: Destination, item: Notification) -> str:
        """Why it did not arrive; empty when it did."""
        document = {
            "type": item.event, "timestamp": item.queued_at.isoformat(), "data": item.payload,
        }  # fmt: skip
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        try:
            answer = await self._dialer.send(
                "POST",
                destination.url,
                headers=destination.headers(item, body, self._clock.now()),
                body=body,
                seconds=SECONDS,
                limit=ANSWER_LIMIT,
            )
        except FunkhausError as error:
            return error.message
        return "" if answer.status // 100 == 2 else f"it answered with status {answer.status}"  # noqa: PLR2004 - the class of "done"
