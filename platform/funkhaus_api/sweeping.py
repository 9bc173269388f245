"""The ledger's worker: rounds over what is due, a pause between them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from funkhaus.services.rounds import each
from funkhaus_api.workers import Worker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from funkhaus_api.keys import Services

PAUSE = 5.0
"""Seconds between rounds: with a round's bound, at most ten looks at live objects a second."""


def sweeping(services: Services) -> Worker:
    """What is not swept now is due the next time."""
    return Worker("sweep", partial(sweep_once, services), PAUSE)


async def sweep_once(services: Services) -> int:
    """Every job once; how many of them got to their end. One that fails keeps none of the others from its turn."""
    jobs: dict[str, Callable[[], Awaitable[object]]] = {
        "quota requests": services.quota_requests.expire,
        "overrides": services.quotas.expire,
        "approvals that lapse": services.holding.lapse,
        "approvals to forget": services.holding.forget,
        "charges": services.sweep.round,
        "decisions to forget": services.decision_retention.round,
        "sign-ins and what they gave": services.logins.forget,
    }

    async def run(name: str) -> bool:
        await jobs[name]()
        return True

    return await each("jobs of the sweeper", jobs, run)
