"""One exam for what waits to be told, in memory and on a real Postgres."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.tenant import Tenant
from funkhaus.storage import PostgresStores, open_engine
from tests.support.stores import MemoryStores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from funkhaus.ports import Stores

NOW = datetime.now(UTC)


@pytest.fixture(params=["memory", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    return "" if request.param == "memory" else str(request.getfixturevalue("database"))


@pytest.fixture
async def stores(url: str) -> AsyncIterator[Stores]:
    engine = open_engine(url, pool=5, seconds=10, name="contract") if url else None
    found: Stores = PostgresStores(engine) if engine else MemoryStores()
    for tenant in ("blue", "red"):
        async with found.begin_platform() as platform:
            await platform.add_tenant(Tenant(tenant, "small"))
    yield found
    if engine:
        await engine.close()


async def tell(stores: Stores, tenant: str, event: str) -> None:
    async with stores.begin(tenant) as work:
        await work.approvals.tell(event, {"id": "x", "name": "ü"})


async def test_the_oldest_goes_first_until_it_arrived(stores: Stores) -> None:
    await tell(stores, "blue", "approval.requested")
    await tell(stores, "red", "approval.approved")
    async with stores.begin_platform() as work:
        item = await work.notifications.due(NOW)
        assert item
        assert (item.tenant, item.event, item.payload, item.attempts) == (
            "blue", "approval.requested", {"id": "x", "name": "ü"}, 0,
        )  # fmt: skip
        await work.notifications.done(item.id)
        other = await work.notifications.due(NOW)
        assert other
        assert other.tenant == "red"
        await work.notifications.done(other.id)
        assert await work.notifications.due(NOW) is None


async def test_what_failed_waits_and_others_go_on(stores: Stores) -> None:
    await tell(stores, "blue", "one")
    await tell(stores, "blue", "two")
    async with stores.begin_platform() as work:
        item = await work.notifications.due(NOW)
        assert item
        await work.notifications.postpone(item.id, "it is away" * 999, NOW + timedelta(seconds=30))
    async with stores.begin_platform() as work:
        other = await work.notifications.due(NOW)
        assert other
        assert other.event == "two"
        again = await work.notifications.due(NOW + timedelta(seconds=30))
        assert again
        assert (again.id, again.attempts) == (item.id, 1)


async def test_what_is_not_committed_is_not_told(stores: Stores) -> None:
    async def fail() -> None:
        async with stores.begin("blue") as work:
            await work.approvals.tell("one", {})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with stores.begin_platform() as work:
        assert await work.notifications.due(NOW) is None


async def test_without_anybody_to_tell_none_is_kept(stores: Stores) -> None:
    for event in ("one", "two", "three"):
        await tell(stores, "blue", event)
    async with stores.begin_platform() as work:
        assert await work.notifications.drop(limit=2) == 2
        assert await work.notifications.drop() == 1
        assert await work.notifications.due(NOW) is None
