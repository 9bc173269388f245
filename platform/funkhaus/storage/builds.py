"""`funkhaus.ports.Builds` on Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from funkhaus.storage import rows
from funkhaus.storage.schema import BuildRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection


class PostgresBuilds(rows.Statements):
    """A tenant's."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        super().__init__(connection)
        self._tenant = tenant

    async def began(self, since: datetime, namespace: str = "") -> int:
        """How many began after that."""
        statement = select(func.count().label("began")).where(
            BuildRow.tenant_id == self._tenant, BuildRow.began_at > since
        )
        if namespace:
            statement = statement.where(BuildRow.namespace == namespace)
        return int((await self._run(statement)).one().began)

    async def note(self, namespace: str, job: str, at: datetime) -> None:
        """That one began."""
        values = {"tenant_id": self._tenant, "job": job, "namespace": namespace, "began_at": at}
        await self._run(insert(BuildRow).values(values).on_conflict_do_nothing())

    async def forget(self, before: datetime) -> None:
        """Leave out those that began before then."""
        await self._run(
            delete(BuildRow).where(BuildRow.tenant_id == self._tenant, BuildRow.began_at < before)
        )
