"""One exam for counting builds, in memory and on a real Postgres."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.quota import Quota
from funkhaus.domain.tenant import Namespace, Tenant
from funkhaus.services.build_quota import BuildQuota
from funkhaus.storage import PostgresStores, open_engine
from tests.support.clock import FakeClock
from tests.support.stores import MemoryStores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from funkhaus.ports import Stores

SMALL = Quota(9, 9, 9, 9000, 9000, 9, 9, builds_per_day=2)
LARGE = Quota(9, 9, 9, 9000, 9000, 9, 9, builds_per_day=1000)


@pytest.fixture(params=["memory", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    return "" if request.param == "memory" else str(request.getfixturevalue("database"))


@pytest.fixture
async def stores(url: str) -> AsyncIterator[Stores]:
    """Tenants blue and red: `default` may begin 2 builds a day, `large` 1000."""
    engine = open_engine(url, pool=5, seconds=10, name="contract") if url else None
    found: Stores = PostgresStores(engine) if engine else MemoryStores()
    for tenant in ("blue", "red"):
        async with found.begin_platform() as platform:
            await platform.add_tenant(Tenant(tenant, "small"))
        async with found.begin(tenant) as work:
            await work.add_namespace(Namespace(tenant, "default", SMALL))
            await work.add_namespace(Namespace(tenant, "large", LARGE))
    yield found
    if engine:
        await engine.close()


async def test_a_job_is_counted_once(stores: Stores) -> None:
    clock = FakeClock()
    quota = BuildQuota(stores, clock)
    for job in ("1", "1", "2", "1"):
        await quota.note("blue", "default", job)
    since = clock.now() - timedelta(days=1)
    async with stores.begin("blue") as work:
        assert await work.builds.began(since, "default") == 2
        assert await work.builds.began(since, "large") == 0
        assert await work.builds.began(since) == 2
    async with stores.begin("red") as work:
        assert await work.builds.began(since) == 0


async def test_a_namespace_s_quota_holds_and_a_day_passes(stores: Stores) -> None:
    clock = FakeClock()
    quota = BuildQuota(stores, clock)
    await quota.note("blue", "default", "1")
    assert await quota.objections("blue", "default") == ()
    clock.pass_seconds(3600)
    await quota.note("blue", "default", "2")
    (found,) = await quota.objections("blue", "default")
    assert (found.code, found.limit, found.value) == ("quota-namespace-builds", 2, 3)
    assert 'namespace "default" has begun 2 builds in the last 24 hours' in found.message
    assert await quota.objections("blue", "large") == ()
    assert await quota.objections("red", "default") == ()
    clock.pass_seconds(23 * 3600 + 1)
    assert await quota.objections("blue", "default") == ()


async def test_the_tenant_s_quota_holds_over_its_namespaces(stores: Stores) -> None:
    quota = BuildQuota(stores, FakeClock())
    async with stores.begin("blue") as work:
        hard = (await work.ledger.account()).hard.builds_per_day
    for number in range(hard):
        await quota.note("blue", "large", str(number))
    assert [item.code for item in await quota.objections("blue", "large")] == [
        "quota-tenant-builds"
    ]
    assert [item.code for item in await quota.objections("blue", "default")] == [
        "quota-tenant-builds"
    ]


async def test_old_ones_are_forgotten(stores: Stores) -> None:
    clock = FakeClock()
    quota = BuildQuota(stores, clock)
    began = clock.now() - timedelta(seconds=1)
    await quota.note("blue", "default", "1")
    clock.pass_seconds(2 * 24 * 3600 + 1)
    await quota.note("blue", "default", "2")
    async with stores.begin("blue") as work:
        assert await work.builds.began(began) == 1
