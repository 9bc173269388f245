"""Statements that never change, run by the driver itself: for what is asked with every request.

SQLAlchemy builds a statement from its parts, looks for what it compiled of it, and carries every value and row through
layers of its own; that is most of what a look-up of one row costs. Here it does so once, when the module is loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
from sqlalchemy import text
from sqlalchemy.dialects.postgresql.asyncpg import dialect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ClauseElement
    from sqlalchemy.ext.asyncio import AsyncConnection

    from funkhaus.storage.rows import Row

_DIALECT = dialect()  # type: ignore[no-untyped-call]  # it has no annotation


class Record(asyncpg.Record):  # type: ignore[misc]  # the driver has no types
    """A row whose columns are attributes, as SQLAlchemy's are."""

    def __getattr__(self, name: str) -> object:
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(name) from error


class Fixed:
    """A statement whose only parameters are those it is run with."""

    def __init__(self, statement: ClauseElement) -> None:
        compiled = statement.compile(dialect=_DIALECT)
        self._text = str(compiled)
        self._names: list[str] = list(compiled.positiontup or ())  # type: ignore[attr-defined]  # of its SQLCompiler
        self._set = {name: value for name, value in compiled.params.items() if value is not None}

    async def row(self, driver: asyncpg.Connection, values: Mapping[str, object]) -> Row | None:
        """The first row it finds."""
        found: Row | None = await driver.fetchrow(
            self._text, *self._given(values), record_class=Record
        )
        return found

    async def rows(self, driver: asyncpg.Connection, values: Mapping[str, object]) -> list[Row]:
        """Every row it finds."""
        found: list[Row] = await driver.fetch(self._text, *self._given(values), record_class=Record)
        return found

    def _given(self, values: Mapping[str, object]) -> list[object]:
        return [values[name] if name in values else self._set[name] for name in self._names]


def fixed(statement: str) -> Fixed:
    """The same of text with ``:named`` parameters."""
    return Fixed(text(statement))


def driver_of(connection: AsyncConnection) -> asyncpg.Connection:
    """The driver's own connection."""
    return connection.sync_connection.connection.driver_connection  # type: ignore[union-attr]
