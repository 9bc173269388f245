"""The worker that keeps the bounds of kube-apiserver's own policies: a look a second."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from funkhaus import logs
from funkhaus.domain.errors import FunkhausError

if TYPE_CHECKING:
    from funkhaus.services.bounds import Bounds

PAUSE = 1.0
PAUSE_AFTER_FAILURE = 30.0
"""Also where the chart is older and gives no right to write them."""
_LOG = logs.logger(__name__)


async def bound_for_ever(bounds: Bounds) -> None:
    """No failure ends it: what the cluster has not heard it hears later; until then the narrower of two sets decides."""
    while True:
        pause = PAUSE
        try:
            await bounds.round()
        except FunkhausError as error:
            pause = PAUSE_AFTER_FAILURE
            _LOG.warning("bounds not kept", error=error.message)
        except Exception:  # noqa: BLE001 - a bug must not end the worker; it is logged
            pause = PAUSE_AFTER_FAILURE
            _LOG.exception("keeping the bounds failed")
        await asyncio.sleep(pause)
