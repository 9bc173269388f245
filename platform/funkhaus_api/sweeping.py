"""The ledger's worker: rounds over what is due, a pause between them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from funkhaus.metrics import APPROVALS_OLDEST, APPROVALS_WAITING
from funkhaus.services.rounds import each
from funkhaus_api.workers import Worker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from funkhaus.services.holding import Holding
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
        "approvals to count": partial(count_waiting, services.holding),
        "charges": services.sweep.round,
        "decisions to forget": services.decision_retention.round,
        "sign-ins and what they gave": services.logins.forget,
    }

    async def run(name: str) -> bool:
        await jobs[name]()
        return True

    return await each("jobs of the sweeper", jobs, run)


async def count_waiting(holding: Holding) -> None:
    """Say in the metrics what waits for an approval, in all tenants together."""
    backlog = await holding.backlog()
    age = (datetime.now(UTC) - backlog.oldest).total_seconds() if backlog.oldest else 0.0
    APPROVALS_WAITING.set(backlog.count)
    APPROVALS_OLDEST.set(max(0.0, age))
