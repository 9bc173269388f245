"""The outbox delivers in order, tries again with growing pauses, and never loses or doubles a change."""

from __future__ import annotations

from datetime import UTC, datetime

from funkhaus.crd import tenant_namespace
from funkhaus.domain.errors import ForbiddenError, FunkhausError, UnavailableError
from funkhaus.domain.kinds import TENANT_NAMESPACE
from funkhaus.domain.tenant import Namespace, NamespaceQuota, Tenant
from funkhaus.services.outbox import LONGEST_PAUSE, Outbox
from tests.support.clock import FakeClock
from tests.support.cluster import MemoryCluster
from tests.support.stores import MemoryStores

QUOTA = NamespaceQuota(1, 1, 1, 1000, 1024)


class House:
    """A tenant with an outbox."""

    def __init__(self) -> None:
        self.stores = MemoryStores()
        self.stores.state.tenants["blue"] = Tenant("blue", "small")
        self.cluster = MemoryCluster("funkhaus-api")
        self.clock = FakeClock(datetime(2100, 1, 1, tzinfo=UTC))
        self.outbox = Outbox(self.stores, self.cluster, self.clock)
        self.down: FunkhausError | None = None
        self.cluster.failure = lambda *_: self.down

    async def enqueue(self, name: str, *, gone: bool = False) -> None:
        async with self.stores.begin("blue") as work:
            await work.enqueue(tenant_namespace.manifest(Namespace("blue", name, QUOTA)), gone=gone)

    def named(self) -> tuple[str, ...]:
        return self.cluster.named(TENANT_NAMESPACE, "")


async def test_what_is_put_in_is_in_the_cluster_after_one_round() -> None:
    house = House()
    for name in ("a", "b", "c"):
        await house.enqueue(name)
    await house.enqueue("b", gone=True)
    done = await house.outbox.deliver()
    assert (done.delivered, done.failed, done.oldest) == (4, 0, None)
    assert house.named() == ("blue--a", "blue--c")


async def test_a_cluster_that_is_away_delays_and_loses_nothing() -> None:
    house = House()
    house.down = UnavailableError("no route")
    await house.enqueue("a")
    await house.enqueue("a", gone=True)
    pauses = []
    for _ in range(9):
        done = await house.outbox.deliver()
        assert (done.delivered, done.failed) == (0, 1)
        assert done.oldest is not None
        waited = 0.0
        while not await due(house):
            house.clock.pass_seconds(1)
            waited += 1
        pauses.append(waited)
    assert pauses == [1, 2, 4, 8, 16, 32, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]
    house.down = None
    done = await house.outbox.deliver()
    assert (done.delivered, done.oldest) == (2, None)
    assert house.named() == ()


async def due(house: House) -> bool:
    async with house.stores.begin_platform() as work:
        return bool(await work.outbox(house.clock.now(), limit=1))


async def test_one_that_is_refused_holds_back_only_itself() -> None:
    house = House()
    house.cluster.failure = lambda _, __, ___, name: (
        ForbiddenError("no") if name == "blue--bad" else None
    )
    await house.enqueue("bad")
    await house.enqueue("good")
    done = await house.outbox.deliver()
    assert (done.delivered, done.failed) == (1, 1)
    assert house.named() == ("blue--good",)


async def test_delivering_twice_is_harmless() -> None:
    house = House()
    await house.enqueue("a")
    before = house.stores.state.outbox
    await house.outbox.deliver()
    writes = len(house.cluster.writes)
    house.stores.state.outbox = before  # as after a crash between the cluster and the commit
    await house.outbox.deliver()
    assert len(house.cluster.writes) == writes
    assert (await house.outbox.deliver()).delivered == 0
