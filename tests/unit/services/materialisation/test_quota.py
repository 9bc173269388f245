"""What the controller sees is what the books say is used; what got past admission runs only where there is room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.domain.kinds import DEPLOYMENT, FUNCTION, HTTP_TRIGGER
from funkhaus.domain.quota import NO_QUOTA, NOTHING

if TYPE_CHECKING:
    from funkhaus.domain.quota import Account
    from tests.support.materials import House

NS = "demo--main"


async def account(house: House) -> Account:
    async with house.stores.begin("demo") as work:
        return await work.ledger.account("main")


async def test_what_is_seen_is_used_and_what_is_gone_is_not(house: House) -> None:
    house.function(scaling={"min": 1, "max": 3, "cpuPercent": 80})
    house.trigger()
    await house.reconcile()
    await house.triggers.reconcile(NS, "web")
    used = (await account(house)).used
    assert (used.functions, used.replicas, used.cpu_millis, used.triggers, used.hosts) == (
        1, 3, 750, 1, 1,
    )  # fmt: skip
    await house.cluster.delete(FUNCTION, NS, "hello")
    await house.cluster.delete(HTTP_TRIGGER, NS, "web")
    await house.reconcile()
    await house.triggers.reconcile(NS, "web")
    assert (await account(house)).held == NOTHING


async def test_a_function_without_room_that_got_past_admission_is_held_and_told(
    house: House,
) -> None:
    house.function(scaling={"min": 1, "max": 11, "cpuPercent": 80})
    await house.reconcile()
    status, reason, message = house.condition("Admitted")
    assert (status, reason) == ("False", "QuotaExceeded")
    assert (
        'namespace "main" would hold replicas 11, its quota is 10: scaling.max 10 passes' in message
    )
    assert await house.cluster.list(DEPLOYMENT, NS) == []
    assert (await account(house)).held == NOTHING


async def test_it_comes_to_life_when_there_is_room(house: House) -> None:
    house.function("first", scaling={"min": 1, "max": 8, "cpuPercent": 80})
    await house.reconcile("first")
    house.function("second", scaling={"min": 1, "max": 3, "cpuPercent": 80})
    await house.reconcile("second")
    assert house.status("second")["conditions"][0]["reason"] == "QuotaExceeded"
    await house.cluster.delete(FUNCTION, NS, "first")
    await house.reconcile("first")
    await house.reconcile("second")
    assert len(await house.cluster.list(DEPLOYMENT, NS)) == 1


async def test_a_lowered_quota_kills_nothing(house: House) -> None:
    house.function()
    await house.reconcile()
    async with house.stores.begin("demo") as work:
        await work.ledger.set_namespace_quota("main", NO_QUOTA)
    await house.reconcile()
    assert house.condition("Admitted")[0] == "True"
    assert len(await house.cluster.list(DEPLOYMENT, NS)) == 1
