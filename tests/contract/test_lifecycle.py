"""A tenant's standing, in memory and on a real Postgres."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from funkhaus.crd import tenant_namespace
from funkhaus.domain.errors import ConflictError, NotFoundError
from funkhaus.domain.service_account import ServiceAccount
from funkhaus.domain.subject import Role
from funkhaus.domain.tenant import Deletion, Namespace, NamespaceQuota, Suspension, Tenant
from funkhaus.ports.lifecycle import Belonging
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
    lookups = stores.lookups
    blue, red = await lookups.facts("blue--default"), await lookups.facts("red--default")
    async with stores.begin_platform() as platform:
        assert await platform.bearers.suspended(["blue", "red", "ghost"]) == {"blue"}
    assert blue
    assert red
    assert [item.code for item in blue.objections] == ["tenant-suspended"]
    assert "since 2026-11-24 by Ada: invoice 17 is unpaid" in blue.objections[0].message
    assert red.objections == ()


async def test_who_is_due_is_found_longest_due_first(stores: Stores) -> None:
    for tenant, hours in (("red", 1), ("blue", 2)):
        async with stores.begin(tenant) as work:
            await work.lifecycle.doom(Deletion(NOW, "Bob", NOW + timedelta(hours=hours)))
    async with stores.begin_platform() as platform:
        assert list(await platform.doomed(NOW)) == []
        assert list(await platform.doomed(NOW + timedelta(hours=1))) == ["red"]
        assert list(await platform.doomed(NOW + timedelta(days=1))) == ["red", "blue"]
        assert list(await platform.doomed(NOW + timedelta(days=1), limit=1)) == ["red"]


async def test_the_outbox_is_looked_into_for_one_tenant(stores: Stores) -> None:
    async with stores.begin("blue") as work:
        await work.enqueue(tenant_namespace.manifest(await work.namespace("default")))
    async with stores.begin("blue") as work:
        assert await work.lifecycle.outstanding()
    async with stores.begin("red") as work:
        assert not await work.lifecycle.outstanding()


async def test_belongings_go_some_at_a_time_and_only_the_tenants(stores: Stores) -> None:
    for tenant in ("blue", "red"):
        async with stores.begin(tenant) as work:
            for number in range(3):
                name = f"sa{number}"
                account = ServiceAccount(str(uuid4()), tenant, name, Role.VIEWER, NOW)
                await work.service_accounts.add(account)
    async with stores.begin("blue") as work:
        counts = [
            await work.lifecycle.forget(Belonging.SERVICE_ACCOUNTS, limit=2) for _ in range(3)
        ]
        assert counts == [2, 1, 0]
        assert list(await work.service_accounts.page()) == []
    async with stores.begin("red") as work:
        assert len(await work.service_accounts.page()) == 3
        for what in Belonging:
            assert await work.lifecycle.forget(what, limit=9) in range(4)


async def test_who_is_buried_is_gone_and_its_id_taken(stores: Stores) -> None:
    async with stores.begin("blue") as work:
        await work.lifecycle.doom(DELETION)
        await work.lifecycle.bury(NOW)
    with pytest.raises(NotFoundError):
        async with stores.begin("blue") as work:
            await work.tenant()
    with pytest.raises(NotFoundError):
        async with stores.begin("blue") as work:
            await work.lock()
    async with stores.begin_platform() as platform:
        assert [tenant.id for tenant in await platform.tenants()] == ["red"]
        assert list(await platform.doomed(NOW + timedelta(days=90))) == []
        assert await platform.bearers.gone(["blue", "red", "ghost"]) == {"blue"}
    assert await stores.lookups.facts("blue--default") is None
    with pytest.raises(ConflictError, match="'blue' exists, or existed"):
        async with stores.begin_platform() as platform:
            await platform.add_tenant(Tenant("blue", "small"))
