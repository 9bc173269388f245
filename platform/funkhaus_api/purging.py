"""The purge's worker: rounds over tenants whose grace is over, a pause between them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from funkhaus import logs
from funkhaus.domain.errors import FunkhausError

if TYPE_CHECKING:
    from funkhaus.services.purge import Purge

PAUSE = 5.0
"""Seconds between rounds. Most find nothing: one look at an index."""
_LOG = logs.logger(__name__)


async def purge_for_ever(purge: Purge) -> None:
    """No failure ends it: what does not go now is due the next time."""
    while True:
        await asyncio.sleep(PAUSE)
        try:
            await purge.round()
        except FunkhausError as error:
            _LOG.warning("tenants not purged", error=error.message)
        except Exception:  # noqa: BLE001 - a bug must not end the purge; it is logged
            _LOG.exception("purging tenants failed")
