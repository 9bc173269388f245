"""What becomes of the pool's connections: cut, cancelled, refused in the middle, none is handed on with anything on it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import asyncpg
import pytest
from sqlalchemy import text

from funkhaus.domain.errors import ConflictError, TimedOutError, UnavailableError
from funkhaus.domain.tenant import Tenant
from funkhaus.storage import Engine, PostgresStores, open_engine
from funkhaus.storage.fixed import Fixed
from funkhaus.storage.reading import CONNECTIONS
from tests.support.postgres import cut

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

POOL = 3
NAME = "connections"


@pytest.fixture
async def engine(database: str) -> AsyncIterator[Engine]:
    opened = open_engine(database, pool=POOL, seconds=2, name=NAME)
    yield opened
    await opened.close()


async def fill(engine: Engine) -> None:
    """Have every connection of the pool open."""
    there = asyncio.Barrier(POOL)

    async def one() -> None:
        async with engine.transaction():
            await there.wait()

    await asyncio.gather(*(one() for _ in range(POOL)))


async def standing(engine: Engine) -> tuple[str, str]:
    """The role, and the tenant, that a new transaction finds."""
    async with engine.transaction() as connection:
        row = await connection.execute(
            text("SELECT current_user, coalesce(current_setting('app.tenant', true), '')")
        )
        role, tenant = row.one()
        return role, tenant


async def test_connections_that_were_cut_while_nobody_used_them_are_replaced(
    database: str, engine: Engine
) -> None:
    await fill(engine)
    assert await cut(database, NAME) == POOL
    for _ in range(POOL + 1):
        assert await standing(engine) == ("funkhaus_tenant", "")


async def test_a_connection_that_is_cut_in_a_transaction_is_said_to_be_lost(
    database: str, engine: Engine
) -> None:
    async def read_after_a_cut() -> None:
        async with PostgresStores(engine).begin("blue") as work:
            await cut(database, NAME)
            await work.namespaces()

    async def commit_after_a_cut() -> None:
        async with engine.transaction():
            await cut(database, NAME)

    for lost in (read_after_a_cut, commit_after_a_cut):
        with pytest.raises(UnavailableError):
            await lost()
        assert await standing(engine) == ("funkhaus_tenant", "")


async def test_nothing_of_one_transaction_is_left_for_the_next(engine: Engine) -> None:
    stores = PostgresStores(engine)
    async with stores.begin_platform() as work:
        await work.add_tenant(Tenant("blue", "small"))
    for _ in range(POOL):
        with pytest.raises(ConflictError):
            async with stores.begin_platform() as work:
                await work.add_tenant(Tenant("blue", "small"))
        with pytest.raises(RuntimeError):
            async with stores.begin("blue"):
                raise RuntimeError
        assert await standing(engine) == ("funkhaus_tenant", "")


async def test_a_transaction_that_is_cancelled_is_rolled_back(engine: Engine) -> None:
    for pause in ("SELECT 1", "SELECT pg_sleep(30)"):  # between statements, and within one
        for _ in range(POOL):
            begun = asyncio.Event()

            async def work(pause: str = pause, begun: asyncio.Event = begun) -> None:
                async with engine.transaction("SET LOCAL ROLE funkhaus_platform") as connection:
                    begun.set()
                    await connection.execute(text(pause))
                    await asyncio.Event().wait()

            task = asyncio.create_task(work())
            await begun.wait()
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        for _ in range(POOL):
            assert await standing(engine) == ("funkhaus_tenant", "")


async def test_a_busy_pool_and_a_slow_statement_say_so(engine: Engine) -> None:
    async with engine.transaction(), engine.transaction(), engine.transaction():
        with pytest.raises(TimedOutError, match="FUNKHAUS_DATABASE_POOL"):
            async with engine.transaction():
                pass
    with pytest.raises(TimedOutError, match="in time"):
        async with engine.transaction("SELECT pg_sleep(30)"):
            pass
    assert await standing(engine) == ("funkhaus_tenant", "")


async def test_a_tenant_may_be_called_anything(engine: Engine) -> None:
    stores = PostgresStores(engine)
    for name in ("", "blue", "x'); RESET ROLE; --", "\\", "ü€'\"$1", "a" * 5000):
        async with stores.begin(name) as work:
            found = await work._connection.scalar(text("SELECT current_setting('app.tenant')"))
            assert found == name
            assert await work.namespaces() == []


async def test_what_only_looks_up_sees_all_tenants_and_writes_nothing(engine: Engine) -> None:
    async with PostgresStores(engine).begin_platform() as work:
        await work.add_tenant(Tenant("blue", "small"))
    found = await engine.reading.row(
        Fixed(text("SELECT tenant_id, current_user AS me FROM tenants"))
    )
    assert (found.tenant_id, found.me) == ("blue", "funkhaus_platform")
    for write in (
        "UPDATE tenants SET display_name = 'x' RETURNING 1",
        "DELETE FROM tenants RETURNING 1",
        "CREATE TABLE mine ()",
    ):
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await engine.reading.row(Fixed(text(write)))


async def test_a_look_up_outlives_its_connection(database: str, engine: Engine) -> None:
    lookups = PostgresStores(engine).lookups
    for _ in range(3):
        assert await lookups.facts("blue--default") is None
        await cut(database, NAME)
    nap = Fixed(text("SELECT pg_sleep(0.3), 1 AS one"))
    asleep = asyncio.create_task(engine.reading.row(nap))
    await asyncio.sleep(0.1)
    await cut(database, NAME)
    assert (await asleep).one == 1


async def test_a_look_up_that_takes_too_long_says_so(engine: Engine) -> None:
    with pytest.raises(TimedOutError, match="in time"):
        await engine.reading.row(Fixed(text("SELECT pg_sleep(30)")))


async def test_look_ups_that_are_cancelled_leave_their_connections_fit(engine: Engine) -> None:
    nap = Fixed(text("SELECT pg_sleep(30)"))
    naps = [asyncio.create_task(engine.reading.row(nap)) for _ in range(CONNECTIONS)]
    await asyncio.sleep(0.2)
    for task in naps:
        task.cancel()
    await asyncio.gather(*naps, return_exceptions=True)
    one = Fixed(text("SELECT 1 AS one"))
    found = await asyncio.gather(*(engine.reading.row(one) for _ in range(3 * CONNECTIONS)))
    assert {row.one for row in found} == {1}


async def test_without_a_database_nothing_is_looked_up() -> None:
    lost = open_engine("postgresql+asyncpg://nobody@127.0.0.1:1/none", pool=1, seconds=1, name=NAME)
    with pytest.raises(UnavailableError, match="can't be reached"):
        await PostgresStores(lost).lookups.facts("blue--default")
    await lost.close()


async def test_what_is_warm_has_every_connection_open_and_none_in_use(
    database: str, engine: Engine
) -> None:
    for _ in range(2):
        await PostgresStores(engine).warm()
    assert await standing(engine) == ("funkhaus_tenant", "")
    assert await cut(database, NAME) == POOL + CONNECTIONS


async def test_without_a_database_nothing_is_warm() -> None:
    lost = open_engine("postgresql+asyncpg://nobody@127.0.0.1:1/none", pool=2, seconds=1, name=NAME)
    with pytest.raises(UnavailableError):
        await PostgresStores(lost).warm()
    await lost.close()


@pytest.mark.parametrize(("off", "words"), [(90, "[6-9]. s ahead of"), (-90, "[6-9]. s behind")])
async def test_a_clock_that_is_not_the_database_s_is_not_ready(
    database: str, off: float, words: str
) -> None:
    """Approvals, tokens and grants end by it."""
    for seconds, refused in ((off, True), (off / 3, False)):
        engine = open_engine(
            database, pool=1, seconds=5, name=NAME, clock=lambda by=seconds: time.time() + by
        )
        try:
            if refused:
                with pytest.raises(UnavailableError, match=words):
                    await PostgresStores(engine).ready()
            else:
                await PostgresStores(engine).ready()
        finally:
            await engine.close()
