"""`funkhaus.ports.Hosts` on Postgres. The primary key decides between two tenants, which don't see each other's rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, insert, literal, or_, select, update

from funkhaus.ports import HostUse
from funkhaus.storage import rows
from funkhaus.storage.fixed import fixed
from funkhaus.storage.schema import HostRow, HostSuffix, HostUseRow, TenantRow

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncConnection
    from sqlalchemy.orm import InstrumentedAttribute

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


def _within(column: InstrumentedAttribute[str], suffix: str) -> ColumnElement[bool]:
    """By whole labels."""
    return or_(column == suffix, column.endswith(f".{suffix}", autoescape=True))


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

    async def below(self, suffix: str, *, limit: int) -> Sequence[HostUse]:
        """Who answers for the suffix itself or for what lies below it, by host."""
        statement = (
            select(HostUseRow.host, HostUseRow.namespace, HostUseRow.trigger)
            .where(HostUseRow.tenant_id == self._tenant, _within(HostUseRow.host, suffix))
            .order_by(HostUseRow.host, HostUseRow.namespace, HostUseRow.trigger)
            .limit(limit)
        )
        return [HostUse(row.host, row.namespace, row.trigger) for row in await self._run(statement)]

    async def suffixes(self) -> Sequence[str]:
        """Suffixes granted beside the default one, sorted."""
        statement = select(HostSuffix.suffix).where(HostSuffix.tenant_id == self._tenant)
        return sorted(row.suffix for row in await self._run(statement))

    async def grant(self, suffix: str) -> None:
        """Let the tenant have hosts below a suffix; raises `ConflictError` when it is somebody's already."""
        await self._insert(
            insert(HostSuffix).values(suffix=suffix, tenant_id=self._tenant),
            f"the host suffix {suffix!r} is granted already",
        )

    async def withdraw(self, suffix: str) -> bool:
        """Take a suffix back; whether it was granted."""
        ours = (HostSuffix.tenant_id == self._tenant, HostSuffix.suffix == suffix)
        return bool((await self._run(delete(HostSuffix).where(*ours))).rowcount)


class PostgresPlatformHosts(rows.Statements):
    """All tenants'."""

    async def overlapping(self, suffix: str) -> Mapping[str, str]:
        """Suffixes granted that are this one, lie below it or above it, with whose each is."""
        above = literal(suffix).endswith("." + HostSuffix.suffix)
        statement = select(HostSuffix.suffix, HostSuffix.tenant_id).where(
            or_(_within(HostSuffix.suffix, suffix), above)
        )
        return {row.suffix: row.tenant_id for row in await self._run(statement)}

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
