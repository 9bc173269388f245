"""`funkhaus.ports.Notifications` on Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import delete, or_, select, update

from funkhaus.domain.notification import Notification
from funkhaus.storage import rows
from funkhaus.storage.schema import NotificationRow

if TYPE_CHECKING:
    from datetime import datetime

ERROR_LIMIT = 1000
_TABLE = NotificationRow.__table__


class PostgresNotifications(rows.Statements):
    """All tenants'."""

    async def due(self, now: datetime) -> Notification | None:
        """The oldest that may be sent now, locked."""
        statement = (
            select(_TABLE)
            .where(or_(_TABLE.c.not_before.is_(None), _TABLE.c.not_before <= now))
            .order_by(_TABLE.c.queued_at, _TABLE.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        row = (await self._run(statement)).one_or_none()
        if row is None:
            return None
        return Notification(
            str(row.id), row.tenant_id, row.event, row.payload, row.queued_at, row.attempts
        )

    async def done(self, notification_id: str) -> None:
        """Forget one."""
        await self._run(delete(NotificationRow).where(_TABLE.c.id == UUID(notification_id)))

    async def postpone(self, notification_id: str, error: str, until: datetime) -> None:
        """Try one again later."""
        await self._run(
            update(NotificationRow)
            .where(_TABLE.c.id == UUID(notification_id))
            .values(
                attempts=_TABLE.c.attempts + 1, last_error=error[:ERROR_LIMIT], not_before=until
            )
        )

    async def drop(self, *, limit: int = 500) -> int:
        """Forget the oldest."""
        some = (
            select(_TABLE.c.id)
            .order_by(_TABLE.c.queued_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return (await self._run(delete(NotificationRow).where(_TABLE.c.id.in_(some)))).rowcount
