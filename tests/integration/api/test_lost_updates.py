"""A quota is changed by whoever read what it is, and by one of two who read the same."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import NullPool, text
from sqlalchemy.ext.asyncio import create_async_engine

from funkhaus.domain.charge import Key
from funkhaus.domain.quota import Amounts
from funkhaus.domain.subject import Role
from funkhaus.services.ledger import LedgerService
from tests.support.api import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.api import Client, World

QUOTA, SHARE = "/v1/tenants/blue/quota", "/v1/tenants/blue/namespaces/default/quota"
OVERRIDE = f"{QUOTA}/override"
HALF = {
    "functions": 10, "triggers": 10, "replicas": 10, "cpu": "2", "memory": "2Gi", "hosts": 10,
    "requestsPerSecond": 50, "buildsPerDay": 50,
}  # fmt: skip
FAIR = {"reason": "a fair", "days": 3}


@pytest.fixture
async def house(any_world: World) -> AsyncIterator[Client]:
    async with serving(any_world.services()) as nobody:
        yield nobody


@pytest.fixture
async def boss(any_world: World, house: Client) -> Client:
    return house.holding(await any_world.token("", None))


async def etag(client: Client) -> dict[str, str]:
    return {"If-Match": (await client.get(QUOTA)).headers["ETag"]}


async def test_a_quota_is_not_written_without_saying_which(boss: Client) -> None:
    for method, path, body in (
        ("PUT", SHARE, HALF),
        ("PUT", OVERRIDE, HALF | FAIR),
        ("DELETE", OVERRIDE, None),
    ):
        before = (await boss.get(QUOTA)).body
        problem = (await boss.ask(method, path, json=body)).problem(428, "precondition-required")
        assert problem["findings"][0]["path"] == "If-Match"
        for wrong in ('"x"', f"W/{(await etag(boss))['If-Match']}"):
            reply = await boss.ask(method, path, json=body, headers={"If-Match": wrong})
            reply.problem(412, "precondition-failed")
        reply = await boss.ask(method, path, json=body, headers={"If-Match": "x"})
        reply.problem(400, "malformed")
        assert (await boss.get(QUOTA)).body == before
        assert (await boss.ask(method, path, json=body, headers=await etag(boss))).status == 200


async def test_what_was_read_is_old_once_something_is_reserved(
    any_world: World, boss: Client
) -> None:
    read = await etag(boss)
    ledger = LedgerService(any_world.stores, any_world.clock)
    await ledger.reserve("blue", Key("Function", "default", "hello"), Amounts(1, 0, 4, 3000, 0), 0)
    (await boss.put(SHARE, HALF, headers=read)).problem(412, "precondition-failed")
    assert (await boss.put(SHARE, HALF, headers=await etag(boss))).status == 200


async def test_who_may_not_learns_nothing_from_it(any_world: World, house: Client) -> None:
    red = house.holding(await any_world.token("red", Role.OWNER))
    viewer = house.holding(await any_world.token("blue", Role.VIEWER))
    for header in ('"x"', "*"):
        guess = {"If-Match": header}
        (await red.put(SHARE, HALF, headers=guess)).problem(404, "not-found")
        (await viewer.put(SHARE, HALF, headers=guess)).problem(403, "forbidden")
        (await viewer.delete(OVERRIDE, headers=guess)).problem(403, "forbidden")


async def waiting(url: str, number: int) -> None:
    """Until so many transactions of this database wait for a lock."""
    statement = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    engine = create_async_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    async with asyncio.timeout(30), engine.connect() as connection:
        while await connection.scalar(statement) != number:  # noqa: ASYNC110 - a lock of the database's, no event of ours
            await asyncio.sleep(0.02)
    await engine.dispose()


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
@pytest.mark.parametrize("path", [SHARE, OVERRIDE])
async def test_of_two_at_the_same_time_one_is_late(
    any_world: World, boss: Client, url: str, path: str
) -> None:
    """Both come with what both have read, and both are held up until both are past every earlier look."""
    read = await etag(boss)
    more = FAIR if path == OVERRIDE else {}
    async with any_world.stores.begin("blue") as work:
        await work.ledger.lock()
        writers = [
            asyncio.create_task(boss.put(path, HALF | more | {"cpu": cpu}, headers=read))
            for cpu in ("1", "2")
        ]
        await waiting(url, 2)
    replies = await asyncio.gather(*writers)
    assert sorted(reply.status for reply in replies) == [200, 412]
    (done,) = [reply for reply in replies if reply.status == 200]
    held = (await boss.get(QUOTA)).json
    now = held if path == OVERRIDE else held["namespaces"][0]
    assert now["hard"]["cpu"] == done.json["hard"]["cpu"]
