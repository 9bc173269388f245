"""A Kubernetes namespace that is there already becomes a tenant's, as a whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.charge import Key
from funkhaus.domain.kinds import FUNCTION, HTTP_TRIGGER, TENANT_NAMESPACE
from funkhaus.domain.subject import Role
from tests.support.api import Client, World, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PATH = "/v1/tenants/blue/namespaces/shop/adoption"
SPEC = {
    "runtime": "python3.11",
    "handler": "hello.handler",
    "source": {"inline": {"files": {"hello.py": "def handler(event, context): ..."}}},
    "resources": {"cpu": "500m", "memory": "128Mi"},
    "scaling": {"min": 1, "max": 2},
}


@pytest.fixture
async def boss(any_world: World) -> AsyncIterator[Client]:
    async with serving(any_world.services()) as nobody:
        yield nobody.holding(await any_world.token("", None))


def put(world: World, kind: str, name: str, spec: dict[str, Any]) -> None:
    meta = {"namespace": "blue--shop", "name": name}
    version = "funkhaus.dev/v1alpha1"
    world.cluster.put({"apiVersion": version, "kind": kind, "metadata": meta, "spec": spec})


def there(world: World, **meta: Any) -> None:
    """The Kubernetes namespace."""
    world.cluster.put(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "blue--shop", **meta}}
    )


async def test_it_becomes_the_tenants_and_what_is_in_it_is_charged(
    any_world: World, boss: Client
) -> None:
    there(any_world)
    put(any_world, "Function", "hello", SPEC)
    put(any_world, "HTTPTrigger", "web", {"function": "hello"})
    made = await boss.post(PATH, {})
    assert (made.status, made.json["clusterName"]) == (201, "blue--shop"), made.body
    await any_world.services().outbox.deliver()
    assert any_world.cluster.find(TENANT_NAMESPACE, "", "blue--shop")["spec"]["adopt"] is True
    async with any_world.stores.begin("blue") as work:
        used = (await work.ledger.account("shop")).used
        own = (await work.ledger.account()).used
        charge = await work.ledger.charge(Key("Function", "shop", "hello"))
    assert (used.functions, used.replicas, used.cpu_millis, used.triggers, used.hosts) == (
        1, 2, 1000, 1, 1,
    )  # fmt: skip
    assert own == used
    assert charge
    assert charge.asked_at is None
    assert (await any_world.services().sweep.recount()).corrected == 0, "as a recount has it"
    (await boss.post(PATH, {})).problem(409, "conflict")


async def test_above_the_quota_nothing_happens(any_world: World, boss: Client) -> None:
    there(any_world)
    put(any_world, "Function", "hello", SPEC | {"scaling": {"min": 1, "max": 15}})
    problem = (await boss.post(PATH, {})).problem(403, "policy-denied")
    (finding,) = problem["findings"]
    assert (finding["code"], finding["value"], finding["limit"]) == (
        "quota-namespace-cpu", "7500m", "4",
    )  # fmt: skip
    listed = (await boss.get("/v1/tenants/blue/namespaces")).json["items"]
    assert [item["name"] for item in listed] == ["default"]
    async with any_world.stores.begin("blue") as work:
        assert await work.ledger.charge(Key("Function", "shop", "hello")) is None
    any_world.cluster.find(FUNCTION, "blue--shop", "hello")["spec"]["scaling"]["max"] = 2
    assert (await boss.post(PATH, {})).status == 201


@pytest.mark.parametrize(
    ("meta", "words"),
    [
        ({"labels": {"funkhaus.dev/tenant": "red"}}, "names tenant 'red'"),
        (
            {"ownerReferences": [{"apiVersion": "v1", "kind": "X", "name": "x", "uid": "u", "controller": True}]},
            "another object in the cluster owns it",
        ),
        ({"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["x"]}, "is being deleted"),
    ],
)  # fmt: skip
async def test_one_that_is_not_free(
    any_world: World, boss: Client, meta: dict[str, Any], words: str
) -> None:
    there(any_world, **meta)
    assert words in (await boss.post(PATH, {})).problem(409, "conflict")["detail"]


async def test_there_has_to_be_one_and_its_objects_have_to_be_readable(
    any_world: World, boss: Client
) -> None:
    detail = (await boss.post(PATH, {})).problem(404, "not-found")["detail"]
    assert "there is no Kubernetes namespace 'blue--shop'" in detail
    (await boss.post(PATH.replace("shop", "a--b"), {})).problem(422, "invalid")
    (await boss.post(PATH.replace("blue", "ghost"), {})).problem(404, "not-found")
    there(any_world)
    put(any_world, "Function", "hello", {"runtime": 1})
    assert "'hello' there" in (await boss.post(PATH, {})).problem(409, "conflict")["detail"]


async def test_only_a_platform_admin_adopts(any_world: World, boss: Client) -> None:
    there(any_world)
    owner = boss.holding(await any_world.token("blue", Role.OWNER))
    (await owner.post(PATH, {})).problem(403, "forbidden")
    stranger = boss.holding(await any_world.token("red", Role.OWNER))
    (await stranger.post(PATH, {})).problem(404, "not-found")


async def test_a_plan_bounds_adopted_ones_too(any_world: World, boss: Client) -> None:
    for name in ("two", "three"):
        await boss.post("/v1/tenants/blue/namespaces", {"name": name})
    there(any_world)
    problem = (await boss.post(PATH, {})).problem(403, "policy-denied")
    assert problem["findings"][0]["code"] == "namespaces-above-plan"


async def test_a_neighbours_host_is_not_taken_over(any_world: World, boss: Client) -> None:
    async with any_world.stores.begin("red") as work:
        assert await work.hosts.claim("default", "web", "shop.example.com", any_world.clock.now())
    there(any_world)
    put(any_world, "Function", "hello", SPEC)
    put(any_world, "HTTPTrigger", "own", {"function": "hello", "host": "own.example.com"})
    put(any_world, "HTTPTrigger", "web", {"function": "hello", "host": "shop.example.com"})
    (finding,) = (await boss.post(PATH, {})).problem(403, "policy-denied")["findings"]
    assert (finding["code"], finding["value"]) == ("hostname-taken", "shop.example.com")
    assert "HTTPTrigger web" in finding["path"]
    async with any_world.stores.begin("blue") as work:
        assert await work.hosts.of("shop", "own") == frozenset(), "all of it or nothing"
        assert await work.ledger.charge(Key("Function", "shop", "hello")) is None
    await any_world.cluster.delete(HTTP_TRIGGER, "blue--shop", "web")
    assert (await boss.post(PATH, {})).status == 201
    async with any_world.stores.begin("blue") as work:
        assert await work.hosts.of("shop", "own") == {"own.example.com"}
