"""An API that answers, with two tenants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.subject import Role
from funkhaus.storage import PostgresStores, open_engine
from tests.support.api import Client, World, serving
from tests.support.stores import MemoryStores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture(params=["memory", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """The database's, or empty for the one in memory."""
    return "" if request.param == "memory" else str(request.getfixturevalue("database"))


@pytest.fixture
async def any_world(url: str) -> AsyncIterator[World]:
    """Tenants blue and red, each with a namespace `default`, on both kinds of stores."""
    engine = open_engine(url, pool=5, seconds=20, name="test") if url else None
    world = World(PostgresStores(engine) if engine else MemoryStores())
    await world.tenant("blue", "default")
    await world.tenant("red", "default")
    yield world
    if engine:
        await engine.close()


@pytest.fixture
async def world() -> World:
    """The same in memory."""
    world = World(MemoryStores())
    await world.tenant("blue", "default")
    await world.tenant("red", "default")
    return world


@pytest.fixture
async def nobody(world: World) -> AsyncIterator[Client]:
    """A caller without a token."""
    async with serving(world.services()) as client:
        yield client


@pytest.fixture
async def owner(world: World, nobody: Client) -> Client:
    """An owner of blue."""
    return nobody.holding(await world.token("blue", Role.OWNER))


@pytest.fixture
async def viewer(world: World, nobody: Client) -> Client:
    """A viewer of blue."""
    return nobody.holding(await world.token("blue", Role.VIEWER))


@pytest.fixture
async def admin(world: World, nobody: Client) -> Client:
    """A platform admin."""
    return nobody.holding(await world.token("", None))
