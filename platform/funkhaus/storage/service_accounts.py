"""A tenant's service accounts; every statement names the tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import delete, insert, select

from funkhaus.domain.errors import NotFoundError
from funkhaus.domain.service_account import ServiceAccount
from funkhaus.domain.subject import Role
from funkhaus.storage import rows
from funkhaus.storage.schema import ServiceAccountRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from funkhaus.storage.rows import Row

_COLUMNS = (
    ServiceAccountRow.id,
    ServiceAccountRow.tenant_id,
    ServiceAccountRow.name,
    ServiceAccountRow.role,
    ServiceAccountRow.created_at,
)


class PostgresServiceAccounts(rows.Statements):
    """`funkhaus.ports.ServiceAccounts`."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        super().__init__(connection)
        self._tenant = tenant
        self._ours = ServiceAccountRow.tenant_id == tenant

    async def add(self, account: ServiceAccount) -> None:
        """Insert; raises `ConflictError` when the name is taken."""
        if account.tenant != self._tenant:
            raise ValueError(f"a row of {account.tenant!r} in a transaction of {self._tenant!r}")
        await self._insert(
            insert(ServiceAccountRow).values(
                id=UUID(account.id),
                tenant_id=account.tenant,
                name=account.name,
                role=account.role.value,
                created_at=account.created_at,
            ),
            f"there is a service account {account.name!r} already",
        )

    async def get(self, name: str) -> ServiceAccount:
        """One; raises `NotFoundError`."""
        statement = select(*_COLUMNS).where(self._ours, ServiceAccountRow.name == name)
        if (row := (await self._run(statement)).one_or_none()) is None:
            raise _absent(name)
        return _account(row)

    async def page(self, *, after: str = "", limit: int = 100) -> Sequence[ServiceAccount]:
        """By name, those behind `after`."""
        statement = (
            select(*_COLUMNS)
            .where(self._ours, ServiceAccountRow.name > after)
            .order_by(ServiceAccountRow.name)
            .limit(limit)
        )
        return [_account(row) for row in await self._run(statement)]

    async def remove(self, name: str) -> None:
        """Delete; raises `NotFoundError`."""
        done = await self._run(
            delete(ServiceAccountRow).where(self._ours, ServiceAccountRow.name == name)
        )
        if not done.rowcount:
            raise _absent(name)


def _account(row: Row) -> ServiceAccount:
    return ServiceAccount(str(row.id), row.tenant_id, row.name, Role(row.role), row.created_at)


def _absent(name: str) -> NotFoundError:
    return NotFoundError(f"there is no service account {name!r}")
