"""The connection pool, what happens when it fails, and whether the schema is ours."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING

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


class Engine:
    """A bounded pool. Open it with `open_engine`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A connection whose work is committed when the block ends without an exception.

        Raises `UnavailableError` or `TimedOutError` when there is no connection to be had or the commit fails. Inside
        the block use `translated` around statements.
        """
        with translated(_ON_CONNECTING):
            connection = await self._engine.connect()
        try:
            yield connection
            with translated():
                await connection.commit()
        finally:
            with suppress(exc.SQLAlchemyError, OSError):  # a dead connection is already rolled back
                await connection.close()

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
            pool_pre_ping=True,
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
    return Engine(engine)


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
        if (known := _known(error, more or {})) is None:
            raise
        raise known from error
    except OSError as error:
        raise UnavailableError(
            f"the database can't be reached: {error.strerror or type(error).__name__}"
        ) from error


def _known(error: exc.DBAPIError, more: Mapping[str, _Known]) -> FunkhausError | None:
    state = str(getattr(error.orig, "sqlstate", "") or "")
    if known := more.get(state) or _BY_STATE.get(state):
        return known[0](known[1])
    if state[:2] in _PASSING:
        return UnavailableError("the database can't serve this now; try again")
    if error.connection_invalidated or isinstance(error, exc.InterfaceError):
        return UnavailableError("the connection to the database was lost; try again")
    return None
