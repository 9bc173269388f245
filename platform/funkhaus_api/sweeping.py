"""The ledger's worker: rounds over what is due, a pause between them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from funkhaus import logs
from funkhaus.domain.errors import FunkhausError

if TYPE_CHECKING:
    from funkhaus_api.keys import Services

PAUSE = 5.0
"""Seconds between rounds: with a round's bound, at most ten looks at live objects a second."""
_LOG = logs.logger(__name__)


async def sweep_for_ever(services: Services) -> None:
    """No failure ends it: what is not swept now is due the next time."""
    while True:
        await asyncio.sleep(PAUSE)
        try:
            await services.quota_requests.expire()
            await services.quotas.expire()
            await services.holding.lapse()
            await services.holding.forget()
            await services.sweep.round()
            await services.decision_retention.round()
        except FunkhausError as error:
            _LOG.warning("ledger not swept", error=error.message)
        except Exception:  # noqa: BLE001 - a bug must not end the sweeper; it is logged
            _LOG.exception("sweeping the ledger failed")
