"""`funkhaus.ports.Hosts` on Postgres. The primary key decides between two tenants, which don't see each other's rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from funkhaus.storage import rows
from funkhaus.storage.schema import HostRow, HostUseRow, TenantRow

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncConnection

ATTEMPTS = 2
"""Looks at a host: one that is given up in this very moment is gone at the second."""


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
        ours = update(HostRow).where(HostRow.host == host, HostRow.tenant_id == self._tenant)
        for _ in range(ATTEMPTS):
            await self._run(
                insert(HostRow).values(host=host, tenant_id=self._tenant).on_conflict_do_nothing()
            )
            if (await self._run(ours.values(released_at=None))).rowcount:
                use = {
                    "tenant_id": self._tenant,
                    "namespace": namespace,
                    "trigger": trigger,
                    "host": host,
                }
                await self._run(insert(HostUseRow).values(use).on_conflict_do_nothing())
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
