"""The connection pool, what happens when it fails, and whether the schema is ours."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING

import asyncpg
from sqlalchemy import exc, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from funkhaus.domain.errors import (
    ConflictError,
    FunkhausError,
    InvalidError,
    SchemaMismatchError,
    TimedOutError,
    UnavailableError,
)
from funkhaus.storage.schema import REVISION
from funkhaus.storage.walls import TENANT_ROLE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

MEND = "python -m funkhaus_api migrate"
"""The command that brings the schema to the revision of the code at hand."""
_DRIVER = "postgresql+asyncpg"
_Known = tuple[type[FunkhausError], str]
_BY_STATE: dict[str, _Known] = {
    "23505": (ConflictError, "that exists already"),
    "23503": (ConflictError, "what this refers to does not exist"),
    "42P01": (SchemaMismatchError, f"a table is missing: run `{MEND}`"),
    "55P03": (TimedOutError, "the database did not finish in time"),  # waiting for a lock
    "57014": (TimedOutError, "the database did not finish in time"),  # statement_timeout
}
"""SQLSTATE to what it means here."""
_ON_CONNECTING: dict[str, _Known] = {
    "22023": (SchemaMismatchError, f"the role {TENANT_ROLE} is missing: run `{MEND}`"),
    "42501": (
        SchemaMismatchError,
        f"the user of FUNKHAUS_DATABASE_URL may not act as {TENANT_ROLE}: run `{MEND} --login-url-file` with this URL",
    ),
}
_PASSING = ("08", "40", "53", "57")
"""SQLSTATE classes of trouble that may be over the next time: connection, rollback, resources, operator."""
_READABLE = text(
    "SELECT coalesce(has_table_privilege(to_regclass('public.alembic_version'), 'SELECT'), false)"
)
_VERSION = text("SELECT version_num FROM alembic_version")
_UNWALLED = text(
    """
    SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attname = 'tenant_id'
    AND NOT row_security_active(c.oid) ORDER BY c.relname
    """
)
"""Tables of tenants' data that show us all rows."""


_LOST = (
    ConnectionError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)
"""How the driver says that a connection is no more."""


class Engine:
    """A bounded pool of at most `size` connections. Open it with `open_engine`.

    The library is told to commit by itself, and begin and commit are sent here: each is one exchange, and the first one,
    which also says whose transaction it is, shows whether a connection from the pool still lives.
    """

    def __init__(self, engine: AsyncEngine, size: int) -> None:
        self._engine, self._size = engine, size

    @asynccontextmanager
    async def transaction(self, first: str = "") -> AsyncIterator[AsyncConnection]:
        """A connection whose work is committed when the block ends without an exception.

        `first` is run in the same exchange that begins it: a constant, or text without a free hand in it. Raises
        `UnavailableError` or `TimedOutError` when there is no connection to be had or the commit fails. Inside the block
        use `translated` around statements.
        """
        with translated(_ON_CONNECTING):
            connection = await self._begun(f"BEGIN; {first}")
        try:
            yield connection
            with translated():
                await _driver(connection).execute("COMMIT")
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
                await _driver(connection).execute(statements)
            except _LOST:
                await _dropped(connection)
                if dead == self._size:
                    raise
                dead += 1
            except BaseException:
                await _dropped(connection)
                raise
            else:
                return connection

    async def check_revision(self) -> None:
        """Pass if the schema is the one this code was written against, and the walls between tenants hold for us.

        Raises `SchemaMismatchError`.
        """
        async with self.transaction() as connection:
            with translated():
                known = await connection.scalar(_READABLE)
                found = list(await connection.scalars(_VERSION)) if known else []
                bare = list(await connection.scalars(_UNWALLED))
        if found != [REVISION]:
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

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()


def _driver(connection: AsyncConnection) -> asyncpg.Connection:
    """The driver's own connection."""
    return connection.sync_connection.connection.driver_connection  # type: ignore[union-attr]


async def _given_back(connection: AsyncConnection) -> None:
    """To the pool, without a transaction on it; what can't be rolled back is not given to anybody again."""
    try:
        # SQLAlchemy has let go of one that was lost or cancelled in the middle of a statement.
        if not connection.invalidated and _driver(connection).is_in_transaction():
            await _driver(connection).execute("ROLLBACK")
    except BaseException:
        await _dropped(connection)
        raise
    await connection.close()


async def _dropped(connection: AsyncConnection) -> None:
    await connection.invalidate()
    await connection.close()


def open_engine(url: str, *, pool: int, seconds: float, name: str) -> Engine:
    """A pool of at most `pool` connections; nothing is connected yet.

    `seconds` bounds waiting for a connection, connecting, and every statement; `name` is what the server shows for us.
    Raises `InvalidError` for a URL that is not ``postgresql+asyncpg://…``, without repeating it: it holds a password.
    """
    milliseconds = str(int(seconds * 1000))
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
            connect_args={
                "timeout": seconds,
                "command_timeout": seconds + 1,  # the server's own limit speaks first
                "server_settings": {
                    "application_name": name,
                    # Not the login's own rights, whatever they are: RESET ROLE leads back here, too.
                    "role": TENANT_ROLE,
                    "statement_timeout": milliseconds,
                    "idle_in_transaction_session_timeout": str(int(seconds * 1000 * 12)),
                },
            },
        )
    except (exc.ArgumentError, ValueError) as error:
        raise InvalidError(
            f"FUNKHAUS_DATABASE_URL is not a database URL; {_DRIVER}://user:password@host/database passes"
        ) from error
    return Engine(engine, pool)


@contextmanager
def translated(more: Mapping[str, _Known] | None = None) -> Iterator[None]:
    """Turn the library's errors into ours; what stays is a bug and shows as one. `more` adds to what SQLSTATEs mean."""
    try:
        yield
    except exc.TimeoutError as error:
        raise TimedOutError(
            "all connections to the database are busy (FUNKHAUS_DATABASE_POOL)"
        ) from error
    except TimeoutError as error:
        raise TimedOutError("the database did not answer in time") from error
    except exc.DBAPIError as error:
        lost = error.connection_invalidated or isinstance(error, exc.InterfaceError)
        if (known := _known(error.orig, more or {}, lost=lost)) is None:
            raise
        raise known from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        lost = isinstance(error, asyncpg.InterfaceError)
        if (known := _known(error, more or {}, lost=lost)) is None:
            raise
        raise known from error
    except OSError as error:
        raise UnavailableError(
            f"the database can't be reached: {error.strerror or type(error).__name__}"
        ) from error


def _known(
    error: BaseException | None, more: Mapping[str, _Known], *, lost: bool
) -> FunkhausError | None:
    state = str(getattr(error, "sqlstate", "") or "")
    if known := more.get(state) or _BY_STATE.get(state):
        return known[0](known[1])
    if state[:2] in _PASSING:
        return UnavailableError("the database can't serve this now; try again")
    if lost:
        return UnavailableError("the connection to the database was lost; try again")
    return None
