"""The worker that writes down when tokens were last used, and when known ones were refused."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from funkhaus import logs
from funkhaus.domain.errors import FunkhausError

if TYPE_CHECKING:
    from funkhaus.services.refusals import Refusals
    from funkhaus.services.uses import Uses

PAUSE = 15.0
_LOG = logs.logger(__name__)


async def note(uses: Uses, refusals: Refusals) -> None:
    """Rounds for ever; no failure ends it, and what could not be written is written in the next."""
    while True:
        await asyncio.sleep(PAUSE)
        for what, write in (("uses", uses.write), ("refusals", refusals.write)):
            try:
                await write()
            except FunkhausError as error:
                _LOG.warning("tokens not noted", what=what, error=error.message)
            except Exception:  # noqa: BLE001 - a bug must not end it; it is logged
                _LOG.exception("tokens not noted", what=what)
