"""One exam for hosts in memory and on a real Postgres: each is one tenant's, and is not given on at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.charge import Key
from funkhaus.domain.errors import ConflictError
from funkhaus.domain.kinds import HTTP_TRIGGER
from funkhaus.domain.quota import NOTHING, Amounts, Quota
from funkhaus.domain.tenant import Namespace, Tenant
from funkhaus.services.ledger import QUARANTINE, LedgerService
from funkhaus.storage import PostgresStores, open_engine
from tests.support.clock import FakeClock
from tests.support.questions import http_trigger
from tests.support.stores import MemoryStores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from funkhaus.domain.verdict import Finding
    from funkhaus.ports import Stores

QUOTA = Quota(9, 9, 9, 9000, 9000, 9, 9, 9)
ONE = Amounts(triggers=1, hosts=1)
HOST = "shop.example.org"


@pytest.fixture(params=["memory", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    return "" if request.param == "memory" else str(request.getfixturevalue("database"))


@pytest.fixture
async def stores(url: str) -> AsyncIterator[Stores]:
    """Tenants blue and red, each with `default`."""
    engine = open_engine(url, pool=5, seconds=10, name="contract") if url else None
    found: Stores = PostgresStores(engine) if engine else MemoryStores()
    for tenant in ("blue", "red"):
        async with found.begin_platform() as platform:
            await platform.add_tenant(Tenant(tenant, "small"))
        async with found.begin(tenant) as work:
            await work.add_namespace(Namespace(tenant, "default", QUOTA))
    yield found
    if engine:
        await engine.close()


class House:
    """The ledger, and the cluster's part: which triggers there are."""

    def __init__(self, stores: Stores) -> None:
        self.stores, self.clock = stores, FakeClock()
        self.ledger = LedgerService(stores, self.clock)
        self.version = 0

    async def ask(
        self, tenant: str, host: str = HOST, name: str = "web", *, dry_run: bool = False
    ) -> Sequence[Finding]:
        key = Key("HTTPTrigger", "default", name)
        base = self.version if await self.held(tenant, name) and self.version else 0
        return await self.ledger.reserve(tenant, key, ONE, base, host=host, dry_run=dry_run)

    async def see(self, tenant: str, host: str = HOST, name: str = "web") -> Sequence[Finding]:
        self.version += 1
        manifest = http_trigger(host=host)
        meta = {"namespace": f"{tenant}--default", "name": name}
        manifest["metadata"] = meta | {"resourceVersion": str(self.version)}
        return await self.ledger.seen(HTTP_TRIGGER, manifest)

    async def gone(self, tenant: str, name: str = "web") -> None:
        await self.ledger.missing(HTTP_TRIGGER, f"{tenant}--default", name)

    async def held(self, tenant: str, name: str = "web") -> set[str]:
        async with self.stores.begin(tenant) as work:
            return set(await work.hosts.of("default", name))

    async def forget(self) -> int:
        async with self.stores.begin_platform() as platform:
            return await platform.hosts.forget(self.clock.now() - QUARANTINE)

    async def triggers(self, tenant: str) -> int:
        async with self.stores.begin(tenant) as work:
            account = await work.ledger.account()
        return account.used.triggers + account.reserved.triggers


@pytest.fixture
def house(stores: Stores) -> House:
    return House(stores)


async def test_b36_who_comes_first_has_it_and_the_other_holds_no_room_either(house: House) -> None:
    assert await house.ask("blue") == ()
    for dry_run in (True, False):
        (finding,) = await house.ask("red", dry_run=dry_run)
        assert (finding.code, finding.path, finding.value) == ("hostname-taken", "spec.host", HOST)
        assert "blue" not in finding.message
    assert (await house.triggers("blue"), await house.triggers("red")) == (1, 0)
    assert await house.ask("blue", name="other") == ()


async def test_b36_of_many_at_once_one_tenant_has_it(house: House) -> None:
    asks = [house.ask(tenant, name=f"t{n}") for n in range(4) for tenant in ("blue", "red")]
    answers = await asyncio.gather(*asks)
    winners = {
        tenant for tenant, found in zip(["blue", "red"] * 4, answers, strict=True) if not found
    }
    assert len(winners) == 1
    (winner,) = winners
    (loser,) = {"blue", "red"} - winners
    assert (await house.triggers(winner), await house.triggers(loser)) == (4, 0)
    assert {item.code for found in answers for item in found} == {"hostname-taken"}


async def test_a_dry_run_takes_nothing(house: House) -> None:
    assert await house.ask("blue", dry_run=True) == ()
    assert await house.held("blue") == set()
    assert await house.ask("red") == ()


async def test_b36_what_is_let_go_of_is_given_on_a_day_later(house: House) -> None:
    await house.ask("blue")
    await house.see("blue")
    await house.gone("blue")
    assert await house.held("blue") == set()
    assert await house.forget() == 0
    (finding,) = await house.ask("red")
    assert finding.code == "hostname-taken"
    assert await house.ask("blue") == ()  # it is theirs still
    await house.see("blue")
    house.clock.pass_seconds(QUARANTINE.total_seconds() + 1)
    assert await house.forget() == 0
    await house.gone("blue")
    house.clock.pass_seconds(QUARANTINE.total_seconds() + 1)
    assert await house.forget() == 1
    assert await house.ask("red") == ()


async def test_b36_a_change_holds_both_until_it_is_seen(house: House) -> None:
    await house.ask("blue")
    await house.see("blue")
    assert await house.ask("blue", "new.example.org") == ()
    assert await house.held("blue") == {HOST, "new.example.org"}
    await house.see("blue", "new.example.org")
    assert await house.held("blue") == {"new.example.org"}
    (finding,) = await house.ask("red")
    assert finding.code == "hostname-taken"


async def test_one_of_two_triggers_that_goes_leaves_the_host(house: House) -> None:
    for name in ("web", "other"):
        await house.ask("blue", name=name)
        await house.see("blue", name=name)
    await house.gone("blue")
    house.clock.pass_seconds(QUARANTINE.total_seconds() + 1)
    assert await house.forget() == 0
    (finding,) = await house.ask("red")
    assert finding.code == "hostname-taken"


async def test_what_was_there_before_anybody_counted_is_claimed_when_it_is_seen(
    house: House,
) -> None:
    assert await house.see("blue") == ()
    assert await house.held("blue") == {HOST}
    (finding,) = await house.see("red")
    assert finding.code == "hostname-taken"
    assert await house.triggers("red") == 0
    async with house.stores.begin("red") as work:
        assert await work.ledger.charge(Key("HTTPTrigger", "default", "web")) is None
        assert (await work.ledger.account()).held == NOTHING


async def test_b36_a_tenant_that_goes_leaves_its_hosts_a_day_later(house: House) -> None:
    await house.ask("blue")
    now = house.clock.now()
    async with house.stores.begin("blue") as work:
        await work.lifecycle.bury(now)
    async with house.stores.begin_platform() as platform:
        assert await platform.hosts.forget(now + timedelta(seconds=1)) == 1
    assert await house.ask("red") == ()


async def test_suffixes_belong_to_one_tenant_by_whole_labels(stores: Stores) -> None:
    async with stores.begin("blue") as work:
        await work.hosts.grant("fair.example")
        await work.hosts.grant("b.example")
        assert await work.hosts.suffixes() == ["b.example", "fair.example"]
    with pytest.raises(ConflictError, match="granted already"):
        async with stores.begin("red") as work:
            await work.hosts.grant("fair.example")
    async with stores.begin("red") as work:
        assert await work.hosts.suffixes() == []
        assert not await work.hosts.withdraw("fair.example")
    async with stores.begin_platform() as platform:
        for suffix in ("fair.example", "shop.fair.example", "example"):
            assert "fair.example" in await platform.hosts.overlapping(suffix), suffix
        for suffix in ("unfair.example", "r.example", "fairxexample"):
            assert not await platform.hosts.overlapping(suffix), suffix
        assert await platform.hosts.overlapping("b.example") == {"b.example": "blue"}
    async with stores.begin("blue") as work:
        assert await work.hosts.withdraw("fair.example")
        assert await work.hosts.suffixes() == ["b.example"]


async def test_who_answers_below_a_suffix(stores: Stores) -> None:
    clock = FakeClock()
    async with stores.begin("blue") as work:
        for trigger, host in (
            ("a", "fair.example"),
            ("b", "x.fair.example"),
            ("c", "unfair.example"),
        ):
            assert await work.hosts.claim("default", trigger, host, clock.now())
        found = await work.hosts.below("fair.example", limit=9)
        assert [(use.host, use.trigger) for use in found] == [
            ("fair.example", "a"), ("x.fair.example", "b"),
        ]  # fmt: skip
        assert len(await work.hosts.below("fair.example", limit=1)) == 1
    async with stores.begin("red") as work:
        assert await work.hosts.below("fair.example", limit=9) == []


async def test_another_plan(stores: Stores) -> None:
    async with stores.begin("blue") as work:
        await work.set_plan("medium")
        assert ((await work.tenant()).plan, (await work.plan()).id) == ("medium", "medium")
    with pytest.raises(ConflictError):
        async with stores.begin("blue") as work:
            await work.set_plan("none")
    async with stores.begin("red") as work:
        assert (await work.plan()).id == "small"
