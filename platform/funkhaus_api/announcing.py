"""The notifications' worker: rounds over what is due, a pause between them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from funkhaus import logs
from funkhaus.domain.errors import FunkhausError

if TYPE_CHECKING:
    from funkhaus.services.notifications import Announcer

PAUSE = 2.0
_LOG = logs.logger(__name__)


async def announce_for_ever(announcer: Announcer) -> None:
    """No failure ends it: what is not sent now is due the next time."""
    while True:
        await asyncio.sleep(PAUSE)
        try:
            await announcer.round()
        except FunkhausError as error:
            _LOG.warning("notifications not read", error=error.message)
        except Exception:  # noqa: BLE001 - a bug must not end the worker; it is logged
            _LOG.exception("sending notifications failed")
