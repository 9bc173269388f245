"""`PostgresStores`: the port `funkhaus.ports.Stores` on Postgres."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from funkhaus.domain.charge import Key
from funkhaus.domain.errors import FunkhausError, NotFoundError, UnavailableError
from funkhaus.storage.lookups import PostgresLookups
from funkhaus.storage.platform_work import PostgresPlatformWork
from funkhaus.storage.tenant_work import PostgresTenantWork
from funkhaus.storage.walls import PLATFORM_ROLE, SETTING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from funkhaus.storage.engine import Engine

_ACROSS = f"SET LOCAL ROLE {PLATFORM_ROLE}"


def _within(tenant: str) -> str:
    """Name the transaction's tenant. The text may be anything somebody wrote into a path: it goes as hexadecimal digits."""
    digits = tenant.encode().hex()
    return f"SELECT set_config('{SETTING}', convert_from(decode('{digits}', 'hex'), 'UTF8'), true)"


class PostgresStores:
    """Transactions on one pool, behind the walls of `funkhaus.storage.walls`: row-level security goes by the tenant that a
    transaction carries, and by the role that one across tenants puts on. Both end with it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lookups = PostgresLookups(engine.reading)

    @property
    def lookups(self) -> PostgresLookups:
        """What is asked with every request."""
        return self._lookups

    @asynccontextmanager
    async def begin(self, tenant: str) -> AsyncIterator[PostgresTenantWork]:
        """A transaction inside `tenant`."""
        async with self._engine.transaction(_within(tenant)) as connection:
            yield PostgresTenantWork(connection, tenant)

    @asynccontextmanager
    async def begin_platform(self) -> AsyncIterator[PostgresPlatformWork]:
        """A transaction across tenants."""
        async with self._engine.transaction(_ACROSS) as connection:
            yield PostgresPlatformWork(connection)

    async def warm(self) -> None:
        """Open every connection there may be, and have each do what is asked most; raises `UnavailableError`."""
        together = asyncio.Barrier(self._engine.size)

        async def ask() -> None:
            async with self.begin("") as work:
                await together.wait()  # so that none is opened for two
                with suppress(NotFoundError):
                    await work.ledger.standing(Key("", "", ""))

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._lookups.warm())
                for _ in range(self._engine.size):
                    group.create_task(ask())
        except* FunkhausError as failed:
            raise UnavailableError("the database can't be had by all connections") from failed

    async def ready(self) -> None:
        """Pass if the database answers and its schema is ours."""
        await self._engine.check_revision()
