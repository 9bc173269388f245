"""The connection pool, what happens when it fails, and whether the schema is ours."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import asyncpg
from sqlalchemy import exc, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from funkhaus.domain.errors import InvalidError, SchemaMismatchError, UnavailableError
from funkhaus.storage.failures import LOST, MEND, ON_CONNECTING, translated
from funkhaus.storage.fixed import driver_of
from funkhaus.storage.reading import Reading
from funkhaus.storage.schema import REVISION
from funkhaus.storage.walls import TENANT_ROLE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_DRIVER = "postgresql+asyncpg"
_READABLE = text(
    "SELECT coalesce(has_table_privilege(to_regclass('public.alembic_version'), 'SELECT'), false)"
)
_VERSION = text("SELECT version_num FROM alembic_version")
_NOTED = text(
    "SELECT coalesce(has_table_privilege(to_regclass('public.compatible_revisions'), 'SELECT'), false)"
)
_WORKS = text("SELECT count(*) FROM compatible_revisions WHERE revision = :ours")
_UNWALLED = text(
    """
    SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attname = 'tenant_id'
    AND NOT row_security_active(c.oid) ORDER BY c.relname
    """
)
"""Tables of tenants' data that show us all rows."""
_CLOCK = text("SELECT extract(epoch FROM clock_timestamp())")
SKEW_SECONDS = 60.0
"""How far a process's clock may be from the database's: approvals, tokens and grants end by the clock of whoever looks."""


class Engine:
    """A bounded pool of at most `size` connections. Open it with `open_engine`.

    The library is told to commit by itself, and begin and commit are sent here: each is one exchange, and the first one,
    which also says whose transaction it is, shows whether a connection from the pool still lives.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        size: int,
        reading: Reading,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine, self.size, self._clock = engine, size, clock
        self.reading = reading
        """For what is only looked up, on connections of its own."""

    @asynccontextmanager
    async def transaction(self, first: str = "") -> AsyncIterator[AsyncConnection]:
        """A connection whose work is committed when the block ends without an exception.

        `first` is run in the same exchange that begins it: a constant, or text without a free hand in it. Raises
        `UnavailableError` or `TimedOutError` when there is no connection to be had or the commit fails. Inside the block
        use `translated` around statements.
        """
        with translated(ON_CONNECTING):
            connection = await self._begun(f"BEGIN; {first}")
        try:
            yield connection
            with translated():
                await driver_of(connection).execute("COMMIT")
        finally:
            with suppress(
                exc.SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError
            ):
                await _given_back(connection)

    async def _begun(self, statements: str) -> AsyncConnection:
        """A connection on which `statements` went through. One that died in the pool is replaced: nothing is done yet."""
        dead = 0
        while True:
            connection = await self._engine.connect()
            try:
                await driver_of(connection).execute(statements)
            except LOST:
                await _dropped(connection)
                if dead == self.size:
                    raise
                dead += 1
            except BaseException:
                await _dropped(connection)
                raise
            else:
                return connection

    async def check_revision(self) -> None:
        """Pass if this code works on the schema, the walls between tenants hold for us, and our clock is the database's.

        Raises `SchemaMismatchError`, and `UnavailableError` for the clock.
        """
        async with self.transaction() as connection:
            with translated():
                asked = self._clock()
                theirs = float(await connection.scalar(_CLOCK) or 0)
                heard = self._clock()
                known = await connection.scalar(_READABLE)
                found = list(await connection.scalars(_VERSION)) if known else []
                works = bool(await connection.scalar(_NOTED)) and bool(
                    await connection.scalar(_WORKS, {"ours": REVISION})
                )
                bare = list(await connection.scalars(_UNWALLED))
        if not works:
            at = f"at revision {', '.join(found)}" if found else "empty"
            raise SchemaMismatchError(
                f"the database is {at}, this process needs revision {REVISION}: "
                f"run `{MEND}` (of the newest release in use)"
            )
        if bare:
            raise SchemaMismatchError(
                f"row-level security does not hold for this process on {', '.join(bare)}: tenants would see each other's "
                f"rows. FORCE ROW LEVEL SECURITY on them, and {TENANT_ROLE} without SUPERUSER and BYPASSRLS, passes"
            )
        _check_clock(theirs, asked, heard)

    async def close(self) -> None:
        """Close all connections."""
        await self.reading.close()
        await self._engine.dispose()


def _check_clock(theirs: float, asked: float, heard: float) -> None:
    """Their time was told between our two; what the exchange took is nobody's fault."""
    ahead = asked - theirs if asked > theirs else min(heard - theirs, 0.0)
    if abs(ahead) > SKEW_SECONDS:
        raise UnavailableError(
            f"this machine's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the database's: "
            f"approvals, tokens and grants would end at the wrong time. "
            f"Set the clocks (NTP); up to {SKEW_SECONDS:g} s apart passes"
        )


async def _given_back(connection: AsyncConnection) -> None:
    """To the pool, without a transaction on it; what can't be rolled back is not given to anybody again."""
    try:
        # SQLAlchemy has let go of one that was lost or cancelled in the middle of a statement.
        if not connection.invalidated and driver_of(connection).is_in_transaction():
            await driver_of(connection).execute("ROLLBACK")
    except BaseException:
        await _dropped(connection)
        raise
    await connection.close()


async def _dropped(connection: AsyncConnection) -> None:
    await connection.invalidate()
    await connection.close()


def open_engine(
    url: str, *, pool: int, seconds: float, name: str, clock: Callable[[], float] = time.time
) -> Engine:
    """A pool of at most `pool` connections, and a few for looking up; nothing is connected yet.

    `seconds` bounds waiting for a connection, connecting, and every statement; `name` is what the server shows for us;
    `clock` is this machine's, in seconds since 1970.
    Raises `InvalidError` for a URL that is not ``postgresql+asyncpg://…``, without repeating it: it holds a password.
    """
    milliseconds = str(int(seconds * 1000))
    options: dict[str, Any] = {
        "timeout": seconds,
        "command_timeout": seconds + 1,  # the server's own limit speaks first
        "server_settings": {
            "application_name": name,
            # Not the login's own rights, whatever they are: RESET ROLE leads back here, too.
            "role": TENANT_ROLE,
            "statement_timeout": milliseconds,
            "idle_in_transaction_session_timeout": str(int(seconds * 1000 * 12)),
        },
    }
    try:
        address = make_url(url)
        if address.drivername != _DRIVER:
            raise InvalidError(
                f"FUNKHAUS_DATABASE_URL names the driver {address.drivername!r}; {_DRIVER}://… passes"
            )
        engine = create_async_engine(
            address,
            pool_size=pool,
            max_overflow=0,
            pool_timeout=seconds,
            isolation_level="AUTOCOMMIT",
            connect_args=options,
        )
    except (exc.ArgumentError, ValueError) as error:
        raise InvalidError(
            f"FUNKHAUS_DATABASE_URL is not a database URL; {_DRIVER}://user:password@host/database passes"
        ) from error
    _, whereto = engine.dialect.create_connect_args(address)
    return Engine(engine, pool, Reading({**whereto, **options}, seconds=seconds), clock=clock)
