"""The port to what was built: builds that began, counted over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime


class Builds(Protocol):
    """The builds of one tenant, in a transaction of that tenant's."""

    async def began(self, since: datetime, namespace: str = "") -> int:
        """How many began after that: of a namespace, or of all of them without one."""

    async def note(self, namespace: str, job: str, at: datetime) -> None:
        """That one began; `job` is its Job's uid, and is counted once however often it is noted."""

    async def forget(self, before: datetime) -> None:
        """Leave out those that began before then."""
