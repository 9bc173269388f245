"""Approvals that were decided: the objects they are about are looked at within a second or two, not at the next resync."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from funkhaus import logs
from funkhaus.domain.errors import FunkhausError
from funkhaus.domain.names import cluster_namespace
from funkhaus_controller import schedule
from funkhaus_controller.agenda import Key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from funkhaus.domain.approval import ApprovalState
    from funkhaus.ports import Change, Stores

_LOG = logs.logger(__name__)


class Decisions:
    """Asks Postgres what came into another state a moment ago. `add` has an object looked at.

    The time asked about is longer than the pause between two looks, because rows become visible later than they were
    written; what was told already is remembered for as long.
    """

    def __init__(self, stores: Stores, add: Callable[[Key], None]) -> None:
        self._stores, self._add = stores, add
        self._told: set[tuple[str, ApprovalState]] = set()

    async def run(self) -> None:
        """Until cancelled. What is missed, the resync finds."""
        while True:
            try:
                await self.look()
            except FunkhausError as error:
                _LOG.warning("decided approvals are seen later", error=error.message)
            await asyncio.sleep(schedule.DECISIONS)

    async def look(self) -> None:
        """Once."""
        async with self._stores.begin_platform() as platform:
            news = await platform.approvals.changed(schedule.DECISIONS_WITHIN)
        fresh = {(item.id, item.state) for item in news}
        self._hand_on(item for item in news if (item.id, item.state) not in self._told)
        self._told = fresh

    async def all_open(self) -> None:
        """Everything that waits or is approved, whether the object is there or not: one that went may have been missed."""
        async with self._stores.begin_platform() as platform:
            found = await platform.approvals.open()
        self._hand_on(found)

    def _hand_on(self, items: Iterable[Change]) -> None:
        for item in items:
            namespace = cluster_namespace(item.tenant, item.key.namespace)
            self._add(Key(item.key.kind, namespace, item.key.name))
