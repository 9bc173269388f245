"""Quotas through the API, on memory and on a real Postgres."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.charge import Key
from funkhaus.domain.errors import UnavailableError
from funkhaus.domain.kinds import TENANT_NAMESPACE
from funkhaus.domain.quota import Amounts
from funkhaus.domain.subject import Role
from funkhaus.services.ledger import LedgerService
from funkhaus_api.sweeping import sweep_once
from tests.support.api import Client, World, serving
from tests.support.stores import MemoryStores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SHARE = "/v1/tenants/blue/namespaces/default/quota"
OVERRIDE = "/v1/tenants/blue/quota/override"
HALF = {
    "functions": 10, "triggers": 10, "replicas": 10, "cpu": "2", "memory": "2Gi", "hosts": 10,
    "requestsPerSecond": 50, "buildsPerDay": 50,
}  # fmt: skip


@pytest.fixture
async def house(any_world: World) -> AsyncIterator[Client]:
    async with serving(any_world.services()) as nobody:
        yield nobody


@pytest.fixture
async def boss(any_world: World, house: Client) -> Client:
    return house.holding(await any_world.token("", None))


@pytest.fixture
async def owner(any_world: World, house: Client) -> Client:
    return house.holding(await any_world.token("blue", Role.OWNER))


@pytest.fixture
async def viewer(any_world: World, house: Client) -> Client:
    return house.holding(await any_world.token("blue", Role.VIEWER))


async def quota(client: Client) -> dict[str, Any]:
    answer = await client.get("/v1/tenants/blue/quota")
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found


ANY = {"If-Match": "*"}


async def test_what_is_held_and_left_and_by_whom(any_world: World, viewer: Client) -> None:
    ledger = LedgerService(any_world.stores, any_world.clock)
    asked = Amounts(functions=1, replicas=2, cpu_millis=500, memory_bytes=256 * 1024**2)
    assert await ledger.reserve("blue", Key("Function", "default", "hello"), asked, 0) == ()
    found = await quota(viewer)
    assert (found["tenant"], found["override"], found["hard"]["cpu"]) == ("blue", None, "12")
    (namespace,) = found["namespaces"]
    for level in (found, namespace):
        assert level["reserved"] == {
            "functions": 1, "triggers": 0, "replicas": 2, "cpu": "500m", "memory": "256Mi", "hosts": 0,
        }  # fmt: skip
        assert level["used"]["cpu"] == "0"
    assert namespace["left"]["cpu"] == "3500m"
    (largest,) = found["largest"]
    assert (largest["name"], largest["reserved"]["replicas"]) == ("hello", 2)


async def test_an_owner_moves_quota_and_the_cluster_follows(
    any_world: World, owner: Client
) -> None:
    assert (await owner.post("/v1/tenants/blue/namespaces", {"name": "shop"})).status == 201
    assert (await owner.put(SHARE, HALF, headers=ANY)).json["hard"] == HALF
    await any_world.services().outbox.deliver()
    manifest = any_world.cluster.find(TENANT_NAMESPACE, "", "blue--default")
    assert manifest["spec"]["quota"]["cpu"] == "2"
    more = HALF | {"cpu": "8"}  # of 12: 4 are with shop
    assert (await owner.put(SHARE, more, headers=ANY)).status == 200
    (finding,) = (await owner.put(SHARE, HALF | {"cpu": "8001m"}, headers=ANY)).problem(
        403, "policy-denied"
    )["findings"]
    assert (finding["code"], finding["path"]) == ("quota-above-tenant", "cpu")
    assert (finding["limit"], finding["value"], finding["passes"]) == ("12", "8001m", "8")


async def test_a_new_namespace_gets_what_is_left(owner: Client) -> None:
    all_of_it = {
        "functions": 60, "triggers": 60, "replicas": 60, "cpu": "12", "memory": "11Gi", "hosts": 60,
        "requestsPerSecond": 300, "buildsPerDay": 300,
    }  # fmt: skip
    assert (await owner.put(SHARE, all_of_it, headers=ANY)).status == 200
    made = await owner.post("/v1/tenants/blue/namespaces", {"name": "shop"})
    assert (made.json["quota"]["cpu"], made.json["quota"]["memory"]) == ("0", "1Gi")


async def test_below_what_is_held_is_allowed_and_nothing_is_left(
    any_world: World, owner: Client
) -> None:
    ledger = LedgerService(any_world.stores, any_world.clock)
    await ledger.reserve("blue", Key("Function", "default", "hello"), Amounts(1, 0, 4, 3000, 0), 0)
    changed = (await owner.put(SHARE, HALF, headers=ANY)).json
    assert (changed["left"]["cpu"], changed["reserved"]["cpu"]) == ("0", "3")


async def test_an_override_has_a_reason_and_an_end(
    any_world: World, boss: Client, owner: Client
) -> None:
    twice = HALF | {"cpu": "24", "reason": " a   fair ", "days": 3}
    (await owner.put(OVERRIDE, twice, headers=ANY)).problem(403, "forbidden")
    assert (await boss.put(OVERRIDE, twice, headers=ANY)).json["hard"]["cpu"] == "24"
    found = await quota(owner)
    assert (found["hard"]["cpu"], found["override"]["reason"]) == ("24", "a fair")
    any_world.clock.pass_seconds(3 * 86400 - 1)
    assert await any_world.services().quotas.expire() == 0
    any_world.clock.pass_seconds(2)
    assert await any_world.services().quotas.expire() == 1
    found = await quota(owner)
    assert (found["hard"]["cpu"], found["override"]) == ("12", None)


async def test_an_override_can_be_taken_back(boss: Client) -> None:
    await boss.put(OVERRIDE, HALF | {"reason": "x", "days": 3}, headers=ANY)
    assert (await boss.delete(OVERRIDE, headers=ANY)).json["hard"]["cpu"] == "12"
    assert (await quota(boss))["override"] is None


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"cpu": "lots"}, "cpu"),
        ({"cpu": "-1"}, "cpu"),
        ({"memory": "1e40"}, "memory"),
        ({"functions": -1}, "functions"),
        ({"functions": 2**60}, "functions"),
        ({"functions": True}, "functions"),
        ({"functions": 1.5}, "functions"),
        ({"gpus": 1}, "gpus"),
    ],
)
async def test_a_quota_that_is_none(owner: Client, change: dict[str, Any], path: str) -> None:
    (finding,) = (await owner.put(SHARE, HALF | change, headers=ANY)).problem(422, "invalid")[
        "findings"
    ]
    assert finding["path"] == path


@pytest.mark.parametrize(("reason", "days"), [("", 1), ("  ", 1), ("x", 0), ("x", 366)])
async def test_an_override_without_reason_or_end(boss: Client, reason: str, days: int) -> None:
    (await boss.put(OVERRIDE, HALF | {"reason": reason, "days": days}, headers=ANY)).problem(
        422, "invalid"
    )


async def test_who_may_not(any_world: World, house: Client, viewer: Client) -> None:
    (await viewer.put(SHARE, HALF, headers=ANY)).problem(403, "forbidden")
    red = house.holding(await any_world.token("red", Role.OWNER))
    (await red.get("/v1/tenants/blue/quota")).problem(404, "not-found")
    (await red.put(SHARE, HALF, headers=ANY)).problem(404, "not-found")
    (await red.delete(OVERRIDE, headers=ANY)).problem(403, "forbidden")
    (await viewer.get("/v1/tenants/blue/quota?x=1")).problem(422, "invalid")


async def test_a_namespace_that_is_not_there(owner: Client, boss: Client) -> None:
    (await owner.put("/v1/tenants/blue/namespaces/ghost/quota", HALF, headers=ANY)).problem(
        404, "not-found"
    )
    ghost = "/v1/tenants/ghost/quota/override"
    (await boss.put(ghost, HALF | {"reason": "x", "days": 3}, headers=ANY)).problem(
        404, "not-found"
    )


async def test_what_does_not_grow_fits_also_where_less_is_left(boss: Client, owner: Client) -> None:
    """An override has ended, and the shares that were given under it are above what there is."""
    assert (await owner.post("/v1/tenants/blue/namespaces", {"name": "shop"})).status == 201
    twice = HALF | {"cpu": "24", "reason": "a fair", "days": 3}
    assert (await boss.put(OVERRIDE, twice, headers=ANY)).status == 200
    large = HALF | {"cpu": "16"}
    assert (await owner.put(SHARE, large, headers=ANY)).status == 200
    assert (await boss.delete(OVERRIDE, headers=ANY)).json["hard"]["cpu"] == "12"
    assert (await owner.put(SHARE, large | {"functions": 9}, headers=ANY)).status == 200
    assert (await owner.put(SHARE, large | {"cpu": "14"}, headers=ANY)).status == 200
    (finding,) = (await owner.put(SHARE, large | {"cpu": "15"}, headers=ANY)).problem(
        403, "policy-denied"
    )["findings"]
    assert (finding["path"], finding["value"], finding["passes"]) == ("cpu", "15", "14")


async def test_an_override_is_in_the_tenants_log(boss: Client, owner: Client) -> None:
    await boss.put(OVERRIDE, HALF | {"reason": "a fair", "days": 3}, headers=ANY)
    await boss.delete(OVERRIDE, headers=ANY)
    rows = (await owner.get("/v1/tenants/blue/audit")).json["items"]
    found = [item for item in rows if item["action"] == "quota:override"]
    assert [item["outcome"] for item in found] == ["done", "done"]
    assert found[0]["before"] == found[1]["after"] != ""


async def test_one_that_fails_keeps_no_other_from_its_turn(world: World) -> None:
    """The memory of what is charged is broken for one tenant; the override of the other ends."""
    async with serving(world.services()) as nobody:
        boss = nobody.holding(await world.token("", None))
        for tenant in ("blue", "red"):
            path = f"/v1/tenants/{tenant}/quota/override"
            await boss.put(path, HALF | {"reason": "x", "days": 1}, headers=ANY)
    world.clock.pass_seconds(86401)
    plans = world.memory.state.plans
    blue = world.memory.state.tenants["blue"]
    world.memory.state.tenants["blue"] = replace(blue, plan="none")  # a bug: KeyError
    assert "none" not in plans
    assert await world.services().quotas.expire() == 1
    world.memory.state.tenants["blue"] = blue
    async with world.stores.begin("red") as work:
        assert await work.ledger.override() is None
    assert await world.services().quotas.expire() == 1


async def test_a_job_of_the_sweeper_that_fails_keeps_no_other_from_its_turn(world: World) -> None:
    services, elsewhere = world.services(), MemoryStores()
    assert await sweep_once(services) == 8
    async with serving(services) as nobody:
        boss = nobody.holding(await world.token("", None))
        await boss.put(OVERRIDE, HALF | {"reason": "x", "days": 1}, headers=ANY)
    world.clock.pass_seconds(86401)
    elsewhere.broken = UnavailableError("gone fishing")
    broken = World(elsewhere).services().quota_requests  # the first to have its turn
    assert await sweep_once(replace(services, quota_requests=broken)) == 7
    async with world.stores.begin("blue") as work:
        assert await work.ledger.override() is None
