"""The worker that writes down when tokens were last used."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from funkhaus import logs
from funkhaus.domain.errors import FunkhausError

if TYPE_CHECKING:
    from funkhaus.services.uses import Uses

PAUSE = 15.0
_LOG = logs.logger(__name__)


async def note(uses: Uses) -> None:
    """Rounds for ever; no failure ends it, and what could not be written is written in the next."""
    while True:
        await asyncio.sleep(PAUSE)
        try:
            await uses.write()
        except FunkhausError as error:
            _LOG.warning("uses of tokens not written", error=error.message)
        except Exception:  # noqa: BLE001 - a bug must not end it; it is logged
            _LOG.exception("uses of tokens not written")
