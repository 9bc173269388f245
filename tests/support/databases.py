"""Fixtures: one Postgres per run; a new database per test, empty or at the newest revision (copied from a template)."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import NullPool, text
from sqlalchemy.ext.asyncio import create_async_engine

from funkhaus.storage import migrate

from .postgres import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

TEMPLATE = "funkhaus_template"


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A server's URL with ``{}`` for the database."""
    if given := os.environ.get("FUNKHAUS_TEST_DATABASE_URL"):
        yield given
        return
    # Not below pytest's own folder: every pytest run closes that to others, and Postgres is another user.
    with (
        tempfile.TemporaryDirectory(
            prefix="funkhaus-postgres-", ignore_cleanup_errors=True
        ) as folder,
        serving(Path(folder)) as url,
    ):
        yield url


async def _admin(postgres: str, statement: str) -> None:
    engine = create_async_engine(
        postgres.format("postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT"
    )
    async with engine.connect() as connection:
        await connection.execute(text(statement))
    await engine.dispose()


_MADE: set[tuple[str, str]] = set()
"""Templates, by server and name."""


@asynccontextmanager
async def temporary(postgres: str, *, empty: bool = False) -> AsyncIterator[str]:
    """The URL of a new database, at the newest revision unless it is to be `empty`."""
    of = ""
    if not empty:
        template = f"{TEMPLATE}_{os.getpid()}"
        if (postgres, template) not in _MADE:
            await _admin(postgres, f"CREATE DATABASE {template}")
            await migrate.upgrade(postgres.format(template))
            _MADE.add((postgres, template))
        of = f" TEMPLATE {template}"
    name = f"test_{secrets.token_hex(6)}"
    await _admin(postgres, f"CREATE DATABASE {name}{of}")
    yield postgres.format(name)
    await _admin(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def empty_database(postgres: str) -> AsyncIterator[str]:
    """The URL of a new database with nothing in it."""
    async with temporary(postgres, empty=True) as url:
        yield url


@pytest.fixture
async def database(postgres: str) -> AsyncIterator[str]:
    """The URL of a new database at the newest revision."""
    async with temporary(postgres) as url:
        yield url
