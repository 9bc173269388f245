"""Connections for looking up: each answers one statement at a time, sees the rows of all tenants, and can write nothing.

A transaction across tenants is put on and off with three exchanges; a look-up needs the one in the middle. So these
connections are the platform's from their first packet on, Postgres holds them to reading, and nobody gets hold of one:
what they run are the `Fixed` statements of `funkhaus.storage.lookups`.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg

from funkhaus.storage.failures import LOST, ON_CONNECTING, translated
from funkhaus.storage.walls import PLATFORM_ROLE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from funkhaus.storage.fixed import Fixed
    from funkhaus.storage.rows import Row

T = TypeVar("T")
CONNECTIONS = 4
"""At most: an answer takes a millisecond, and a process asks from one thread."""
_FOR_EVER = 10**9
_OTHERS = ("prepared_statement_cache_size", "prepared_statement_name_func", "async_creator_fn")
"""What a URL may say to SQLAlchemy and not to the driver."""


class Reading:
    """A pool, opened when it is first asked; `options` are the driver's, `seconds` bound waiting for a connection."""

    def __init__(self, options: Mapping[str, Any], *, seconds: float) -> None:
        settings = {
            **options["server_settings"],
            "role": PLATFORM_ROLE,
            "default_transaction_read_only": "on",
        }
        self._options = {key: value for key, value in options.items() if key not in _OTHERS}
        self._options["server_settings"] = settings
        self._seconds = seconds
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()

    async def row(self, statement: Fixed, **values: object) -> Row | None:
        """The first row of a statement; asked again where the connection was lost: nothing can have been changed."""
        return await self._asked(lambda connection: statement.row(connection, values))

    async def rows(self, statement: Fixed, **values: object) -> list[Row]:
        """Every row of a statement, likewise."""
        return await self._asked(lambda connection: statement.rows(connection, values))

    async def _asked(self, ask: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        dead = 0
        with translated(ON_CONNECTING):
            pool = self._pool or await self._opened()
            while True:
                async with pool.acquire(timeout=self._seconds) as connection:
                    try:
                        return await ask(connection)
                    except LOST:
                        with suppress(asyncpg.InterfaceError):  # the pool has let go of it already
                            connection.terminate()  # or does not know yet, and gives it to the next
                        if dead == CONNECTIONS:
                            raise
                        dead += 1

    async def all(self, statement: Fixed, **values: object) -> None:
        """Run a statement once on every connection there may be, opened for it."""
        with translated(ON_CONNECTING):
            pool = self._pool or await self._opened()
            async with AsyncExitStack() as stack:
                for _ in range(CONNECTIONS):
                    connection = await stack.enter_async_context(
                        pool.acquire(timeout=self._seconds)
                    )
                    await statement.row(connection, values)

    async def _opened(self) -> asyncpg.Pool:
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    **self._options,
                    min_size=0,
                    max_size=CONNECTIONS,
                    max_queries=_FOR_EVER,
                    max_inactive_connection_lifetime=0,
                    reset=_as_it_is,
                )
            return self._pool

    async def close(self) -> None:
        """Close all connections."""
        if self._pool is None:
            return
        try:
            async with asyncio.timeout(self._seconds):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()


async def _as_it_is(_: asyncpg.Connection) -> None:
    """Nothing is ever set on one that would have to be taken back."""
