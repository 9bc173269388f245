"""Builds a day: counted when their Job was seen, over the last 24 hours, on both levels of the quota."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from funkhaus.ports import Clock, Stores

DAY = timedelta(days=1)


class BuildQuota:
    """Use cases of the controller."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        self._stores, self._clock = stores, clock

    async def objections(self, tenant: str, namespace: str) -> tuple[Finding, ...]:
        """What keeps one more build from beginning in a namespace (its short name). Raises `UnavailableError`."""
        since = self._clock.now() - DAY
        async with self._stores.begin(tenant) as work:
            levels = [
                (await work.ledger.account(name), await work.builds.began(since, name))
                for name in (namespace, "")
            ]
        return tuple(
            Finding(
                f"quota-{'namespace' if account.namespace else 'tenant'}-builds",
                f"{account.level} has begun {count} builds in the last 24 hours, its quota is "
                f"{account.hard.builds_per_day}: wait until they are older, or see `funkhaus quota show` and "
                "`funkhaus quota request`",
                "spec.dependencies",
                limit=account.hard.builds_per_day,
                value=count + 1,
            )
            for account, count in levels
            if count >= account.hard.builds_per_day
        )

    async def note(self, tenant: str, namespace: str, job: str) -> None:
        """Count a build by its Job's uid, once. Raises `UnavailableError`."""
        now = self._clock.now()
        async with self._stores.begin(tenant) as work:
            await work.builds.note(namespace, job, now)
            await work.builds.forget(now - 2 * DAY)
