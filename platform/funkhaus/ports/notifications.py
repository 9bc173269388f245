"""The port to notifications that wait: part of `PlatformWork`, for who sends them knows no tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from funkhaus.domain.notification import Notification


class Notifications(Protocol):
    """All tenants'. `funkhaus.ports.Approvals.tell` puts them in."""

    async def due(self, now: datetime) -> Notification | None:
        """The oldest that may be sent now, locked for this transaction; those locked elsewhere are skipped."""

    async def done(self, notification_id: str) -> None:
        """Forget one."""

    async def postpone(self, notification_id: str, error: str, until: datetime) -> None:
        """Try one again, not before `until`."""

    async def drop(self, *, limit: int = 500) -> int:
        """Forget the oldest, there being nobody to tell; how many."""
