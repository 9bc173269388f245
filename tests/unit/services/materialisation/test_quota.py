"""What the controller sees is what the books say is used; what got past admission runs only where there is room."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.charge import Key
from funkhaus.domain.kinds import AUTOSCALER, DEPLOYMENT, FUNCTION, HTTP_TRIGGER
from funkhaus.domain.quota import NO_QUOTA, NOTHING
from funkhaus.services.sweep import LOOK_AGAIN, Sweep

if TYPE_CHECKING:
    from typing import Any

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


# ── an update that makes a function smaller ──

LARGE = {"resources": {"cpu": "1", "memory": "1Gi"}, "scaling": {"min": 1, "max": 3}}
SMALL = {"resources": {"cpu": "100m", "memory": "1Gi"}, "scaling": {"min": 1, "max": 3}}
AMONG_MANY = {"resources": {"cpu": "10m", "memory": "1Mi"}, "scaling": {"min": 9, "max": 10}}


async def deployed(house: House, **spec: Any) -> str:
    """A function that serves; its revision."""
    house.function(**spec)
    await house.reconcile()
    revision: str = house.status()["latestRevision"]
    house.ready(revision)
    await house.reconcile()
    return revision


async def cpu(house: House) -> int:
    return (await account(house)).used.cpu_millis


async def test_what_still_runs_is_charged_until_it_is_gone(house: House) -> None:
    old = await deployed(house, **LARGE)
    assert await cpu(house) == 3000
    house.function(**SMALL)
    await house.reconcile()
    assert house.serving() == old
    assert await cpu(house) == 3000
    house.ready(house.status()["latestRevision"])
    await house.reconcile()
    assert house.serving() != old
    await house.reconcile()
    assert await cpu(house) == 1000, "the replica with calls in flight is still there"
    house.clock.pass_seconds(16)
    await house.reconcile()  # takes the old one away, which is an event
    await house.reconcile()
    assert await cpu(house) == 300


async def test_a_neighbour_does_not_get_the_room_of_what_still_runs(house: House) -> None:
    await deployed(house, **LARGE)
    house.function(**SMALL)
    await house.reconcile()
    house.function("next", **LARGE | {"scaling": {"min": 1, "max": 2}})
    await house.reconcile("next")
    assert house.status("next")["conditions"][0]["reason"] == "QuotaExceeded"


@pytest.mark.parametrize("spec", [{"handler": "absent.handler"}, {"runtime": "cobol"}])
async def test_a_change_that_is_held_leaves_the_charge_as_large_as_what_serves(
    house: House, spec: dict[str, Any]
) -> None:
    old = await deployed(house, **LARGE)
    house.function(**SMALL | spec)
    for _ in range(3):
        await house.reconcile()
    assert house.condition("Built")[0] == "False"
    assert house.serving() == old
    assert await cpu(house) == 3000
    sweep = Sweep(house.stores, house.cluster, house.clock)
    house.clock.pass_seconds(LOOK_AGAIN.total_seconds() + 1)
    assert (await sweep.round()).corrected == 0
    assert (await sweep.recount()).corrected == 0
    assert await cpu(house) == 3000


async def test_many_small_replicas_are_no_way_to_many_large_ones(house: House) -> None:
    """Whose change waits runs no more of the revision before than the change, or what ran, is charged."""
    old = await deployed(house, **LARGE)
    house.function(**AMONG_MANY)
    for _ in range(3):
        await house.reconcile()
        scaled = house.cluster.find(AUTOSCALER, NS, "hello")["spec"]
        assert (scaled["minReplicas"], scaled["maxReplicas"]) == (3, 3)
        assert house.cluster.find(DEPLOYMENT, NS, old)["spec"].get("replicas", 1) <= 3
        assert await cpu(house) == 3000
    new = house.status()["latestRevision"]
    house.ready(new)
    await house.reconcile()
    assert house.cluster.find(AUTOSCALER, NS, "hello")["spec"]["maxReplicas"] == 10
    house.clock.pass_seconds(16)
    await house.reconcile()
    await house.reconcile()
    assert await cpu(house) == 100


async def test_fewer_replicas_are_charged_once_there_are_no_more(house: House) -> None:
    revision = await deployed(house, **LARGE)
    await house.cluster.merge_patch(DEPLOYMENT, NS, revision, {"spec": {"replicas": 3}})
    house.function(**LARGE | {"scaling": {"min": 1, "max": 2}})
    await house.reconcile()
    await house.reconcile()
    assert await cpu(house) == 3000
    await house.cluster.merge_patch(DEPLOYMENT, NS, revision, {"spec": {"replicas": 2}})
    await house.reconcile()
    assert await cpu(house) == 2000


async def test_a_round_without_news_writes_no_charge(house: House) -> None:
    await deployed(house, **LARGE)
    house.function(**SMALL)
    await house.reconcile()
    key = Key("Function", "main", "hello")
    async with house.stores.begin("demo") as work:
        before = await work.ledger.charge(key)
    await house.reconcile()
    async with house.stores.begin("demo") as work:
        assert await work.ledger.charge(key) == before


async def test_what_runs_is_counted_in_books_that_lost_it(house: House) -> None:
    await deployed(house, **LARGE)
    house.function(**SMALL)
    await house.reconcile()
    house.stores.state.books.charges.clear()
    async with house.stores.begin("demo") as work:
        await work.ledger.set_namespace_quota("main", NO_QUOTA)
    await house.reconcile()
    assert house.condition("Admitted")[0] == "True"
    assert await cpu(house) == 3000
    house.stores.state.books.charges.clear()
    await Sweep(house.stores, house.cluster, house.clock).recount()
    assert await cpu(house) == 3000


async def test_a_stranger_s_deployment_is_nobody_s_charge(house: House) -> None:
    revision = await deployed(house, **SMALL)
    live = house.cluster.find(DEPLOYMENT, NS, revision)
    meta = {key: live["metadata"][key] for key in ("namespace", "labels")}
    spec = live["spec"] | {"replicas": 50}
    house.cluster.put({**live, "metadata": {**meta, "name": "stranger"}, "spec": spec})
    await house.reconcile()
    assert await cpu(house) == 300
