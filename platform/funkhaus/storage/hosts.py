"""`funkhaus.ports.Hosts` on Postgres. The primary key decides between two tenants, which don't see each other's rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, or_, select, update

from funkhaus.storage import rows
from funkhaus.storage.fixed import fixed
from funkhaus.storage.schema import HostRow, HostUseRow, TenantRow

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncConnection

ATTEMPTS = 2
"""Looks at a host: one that is given up or claimed in this very moment is seen at the second."""
_CLAIM = fixed(
    "WITH ours AS (UPDATE hosts SET released_at = NULL WHERE host = :host AND tenant_id = :tenant RETURNING host), "
    "new AS (INSERT INTO hosts (host, tenant_id) SELECT :host, :tenant WHERE NOT EXISTS (SELECT 1 FROM ours) "
    "ON CONFLICT DO NOTHING RETURNING host), "
    "held AS (SELECT host FROM ours UNION ALL SELECT host FROM new), "
    "use AS (INSERT INTO host_uses (tenant_id, namespace, trigger, host) "
    "SELECT :tenant, :namespace, :trigger, host FROM held ON CONFLICT DO NOTHING) "
    "SELECT count(*) AS held FROM held"
)


class PostgresHosts(rows.Statements):
    """A tenant's."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        super().__init__(connection)
        self._tenant = tenant

    def _uses(self, namespace: str, trigger: str) -> tuple[ColumnElement[bool], ...]:
        return (
            HostUseRow.tenant_id == self._tenant,
            HostUseRow.namespace == namespace,
            HostUseRow.trigger == trigger,
        )

    async def of(self, namespace: str, trigger: str) -> frozenset[str]:
        """The hosts a trigger holds."""
        statement = select(HostUseRow.host).where(*self._uses(namespace, trigger))
        return frozenset((await self._run(statement)).scalars())

    async def claim(self, namespace: str, trigger: str, host: str, now: datetime) -> bool:  # noqa: ARG002 - the port's
        """Have a trigger hold a host; whether it is the tenant's now."""
        values = {
            "tenant": self._tenant,
            "namespace": namespace,
            "trigger": trigger,
            "host": host,
        }
        for _ in range(ATTEMPTS):
            row = await self._row(_CLAIM, values)
            if row and row.held:
                return True
        return False

    async def keep(
        self, namespace: str, trigger: str, hosts: Collection[str], now: datetime
    ) -> None:
        """Let go of everything a trigger holds but these."""
        left = await self._run(
            delete(HostUseRow)
            .where(*self._uses(namespace, trigger), HostUseRow.host.not_in(hosts))
            .returning(HostUseRow.host)
        )
        if gone := list(left.scalars()):
            await self._run(
                update(HostRow)
                .where(HostRow.tenant_id == self._tenant, HostRow.host.in_(gone))
                .where(~exists().where(HostUseRow.host == HostRow.host))
                .values(released_at=now)
            )


class PostgresPlatformHosts(rows.Statements):
    """All tenants'."""

    async def forget(self, released_before: datetime, *, limit: int = 500) -> int:
        """Give up hosts that were let go of, or whose tenant went, before then; how many."""
        some = (
            select(HostRow.host)
            .join(TenantRow, TenantRow.tenant_id == HostRow.tenant_id)
            .where(
                or_(HostRow.released_at < released_before, TenantRow.deleted_at < released_before)
            )
            .limit(limit)
            .with_for_update(of=HostRow, skip_locked=True)
        )
        return (await self._run(delete(HostRow).where(HostRow.host.in_(some)))).rowcount
