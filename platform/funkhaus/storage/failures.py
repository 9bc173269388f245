"""What failures of the database mean here: the library's errors and the driver's, in our words."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import asyncpg
from sqlalchemy import exc

from funkhaus.domain.errors import (
    ConflictError,
    FunkhausError,
    SchemaMismatchError,
    TimedOutError,
    UnavailableError,
)
from funkhaus.storage.walls import TENANT_ROLE

if TYPE_CHECKING:
    from collections.abc import Iterator

MEND = "python -m funkhaus_api migrate"
"""The command that brings the schema to the revision of the code at hand."""
_Known = tuple[type[FunkhausError], str]
Known = Mapping[str, _Known]
"""SQLSTATE to what it means here."""
_BY_STATE: dict[str, _Known] = {
    "23505": (ConflictError, "that exists already"),
    "23503": (ConflictError, "what this refers to does not exist"),
    "42P01": (SchemaMismatchError, f"a table is missing: run `{MEND}`"),
    "55P03": (
        TimedOutError,
        "the database did not finish in time; try again",
    ),  # waiting for a lock
    "57014": (TimedOutError, "the database did not finish in time; try again"),  # statement_timeout
}
ON_CONNECTING: dict[str, _Known] = {
    "22023": (SchemaMismatchError, f"the role {TENANT_ROLE} is missing: run `{MEND}`"),
    "42501": (
        SchemaMismatchError,
        f"the user of FUNKHAUS_DATABASE_URL may not act as {TENANT_ROLE}: run `{MEND} --login-url-file` with this URL",
    ),
}
_PASSING = ("08", "40", "53", "57")
"""SQLSTATE classes of trouble that may be over the next time: connection, rollback, resources, operator."""
LOST = (
    ConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server's last word came in while nothing was asked
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)
"""How the driver says that a connection is no more."""


@contextmanager
def translated(more: Known | None = None) -> Iterator[None]:
    """Turn the library's errors into ours; what stays is a bug and shows as one. `more` adds to what SQLSTATEs mean."""
    try:
        yield
    except exc.TimeoutError as error:
        raise TimedOutError(
            "all connections to the database are busy (FUNKHAUS_DATABASE_POOL); try again"
        ) from error
    except TimeoutError as error:
        raise TimedOutError("the database did not answer in time; try again") from error
    except exc.DBAPIError as error:
        lost = error.connection_invalidated or isinstance(error, exc.InterfaceError)
        if (known := _known(error.orig, more or {}, lost=lost)) is None:
            raise
        raise known from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        lost = isinstance(error, LOST)
        if (known := _known(error, more or {}, lost=lost)) is None:
            raise
        raise known from error
    except OSError as error:
        raise UnavailableError(
            f"the database can't be reached: {error.strerror or type(error).__name__}; try again"
        ) from error


def _known(error: BaseException | None, more: Known, *, lost: bool) -> FunkhausError | None:
    state = str(getattr(error, "sqlstate", "") or "")
    if known := more.get(state) or _BY_STATE.get(state):
        return known[0](known[1])
    if state[:2] in _PASSING:
        return UnavailableError("the database can't serve this now; try again")
    if lost:
        return UnavailableError("the connection to the database was lost; try again")
    return None
