"""A tenant's standing on Postgres; every statement names the tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import update

from funkhaus.storage import rows
from funkhaus.storage.schema import TenantRow

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from funkhaus.domain.tenant import Deletion, Suspension


class PostgresLifecycle(rows.Statements):
    """`funkhaus.ports.Lifecycle`."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        super().__init__(connection)
        self._tenant = tenant

    async def suspend(self, suspension: Suspension | None) -> None:
        """Have it rest, or work again."""
        await self._set(
            suspended_at=suspension.at if suspension else None,
            suspended_for=suspension.reason if suspension else "",
            suspended_by=suspension.by if suspension else "",
        )

    async def doom(self, deletion: Deletion | None) -> None:
        """Have it go at the deletion's time, or stay."""
        await self._set(
            delete_after=deletion.after if deletion else None,
            delete_asked_at=deletion.asked_at if deletion else None,
            delete_asked_by=deletion.asked_by if deletion else "",
            delete_reason=deletion.reason if deletion else "",
            delete_by_platform=deletion.by_platform if deletion else False,
        )

    async def _set(self, **values: Any) -> None:  # noqa: ANN401 - column values
        await self._run(
            update(TenantRow).where(TenantRow.tenant_id == self._tenant).values(**values)
        )
