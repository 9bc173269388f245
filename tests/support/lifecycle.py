"""`Lifecycle` without a database."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from funkhaus.domain.tenant import Deletion, Suspension

    from .stores import State


class MemoryLifecycle:
    """`Lifecycle`."""

    def __init__(self, state: State, tenant: str) -> None:
        self._state, self._tenant = state, tenant

    async def suspend(self, suspension: Suspension | None) -> None:
        tenant = self._state.tenants[self._tenant]
        self._state.tenants[self._tenant] = replace(tenant, suspension=suspension)

    async def doom(self, deletion: Deletion | None) -> None:
        tenant = self._state.tenants[self._tenant]
        self._state.tenants[self._tenant] = replace(tenant, deletion=deletion)
