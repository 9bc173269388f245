"""`Builds` without a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from .stores import State


class MemoryBuilds:
    """A tenant's."""

    def __init__(self, state: State, tenant: str) -> None:
        self._rows, self._tenant = state.builds, tenant

    async def began(self, since: datetime, namespace: str = "") -> int:
        return sum(
            1
            for (tenant, _), (place, at) in self._rows.items()
            if tenant == self._tenant and at > since and namespace in {"", place}
        )

    async def note(self, namespace: str, job: str, at: datetime) -> None:
        self._rows.setdefault((self._tenant, job), (namespace, at))

    async def forget(self, before: datetime) -> None:
        for key, (_, at) in list(self._rows.items()):
            if key[0] == self._tenant and at < before:
                del self._rows[key]
