"""A tenant's standing, in memory and on a real Postgres."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.tenant import Deletion, Namespace, NamespaceQuota, Suspension, Tenant
from funkhaus.storage import PostgresStores, open_engine
from tests.support.stores import MemoryStores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from funkhaus.ports import Stores

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
QUOTA = NamespaceQuota(20, 20, 20, 4_000, 4 * 1024**3)
SUSPENSION = Suspension(NOW, "invoice 17 is unpaid", "Ada")
DELETION = Deletion(NOW, "Bob", NOW + timedelta(days=30), "we move", by_platform=True)


@pytest.fixture(params=["memory", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """The database's, or empty for the one in memory."""
    return "" if request.param == "memory" else str(request.getfixturevalue("database"))


@pytest.fixture
async def stores(url: str) -> AsyncIterator[Stores]:
    """Tenants blue and red, each with a namespace `default`."""
    engine = open_engine(url, pool=5, seconds=5, name="contract") if url else None
    made: Stores = PostgresStores(engine) if engine else MemoryStores()
    for tenant in ("blue", "red"):
        async with made.begin_platform() as platform:
            await platform.add_tenant(Tenant(tenant, "small"))
        async with made.begin(tenant) as work:
            await work.add_namespace(Namespace(tenant, "default", QUOTA))
    yield made
    if engine:
        await engine.close()


async def test_who_suspended_and_who_deleted_is_read_as_written(stores: Stores) -> None:
    async with stores.begin("blue") as work:
        await work.lifecycle.suspend(SUSPENSION)
        await work.lifecycle.doom(DELETION)
        assert await work.tenant() == Tenant("blue", "small", "", SUSPENSION, DELETION)
    async with stores.begin("red") as work:
        assert await work.tenant() == Tenant("red", "small")
    async with stores.begin_platform() as platform:
        blue, red = await platform.tenants()
    assert (blue.standing, red.standing) == ("deleting", "active")


async def test_either_makes_it_rest_and_both_are_taken_back_alone(stores: Stores) -> None:
    async with stores.begin("blue") as work:
        await work.lifecycle.suspend(SUSPENSION)
        await work.lifecycle.doom(DELETION)
    async with stores.begin("blue") as work:
        await work.lifecycle.suspend(None)
        assert (await work.tenant()).standing == "deleting"
        assert (await work.namespace("default")).suspended
        await work.lifecycle.doom(None)
        assert await work.tenant() == Tenant("blue", "small")
        assert [item.suspended for item in await work.namespaces()] == [False]
        await work.lifecycle.suspend(SUSPENSION)
        assert (await work.tenant()).standing == "suspended"


async def test_a_review_hears_why(stores: Stores) -> None:
    async with stores.begin("blue") as work:
        await work.lifecycle.suspend(SUSPENSION)
    async with stores.begin_platform() as platform:
        blue, red = await platform.facts("blue--default"), await platform.facts("red--default")
        assert await platform.bearers.suspended(["blue", "red", "ghost"]) == {"blue"}
    assert blue
    assert red
    assert [item.code for item in blue.objections] == ["tenant-suspended"]
    assert "since 2026-11-24 by Ada: invoice 17 is unpaid" in blue.objections[0].message
    assert red.objections == ()
