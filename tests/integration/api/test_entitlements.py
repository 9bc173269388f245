"""A tenant's plan and host suffixes are changed through the API, on memory and on a real Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.charge import Key
from funkhaus.domain.kinds import HTTP_TRIGGER, TENANT_NAMESPACE
from funkhaus.domain.quota import Amounts
from funkhaus.domain.subject import Role
from funkhaus.services.entitlements import SUFFIXES_LIMIT
from funkhaus.services.ledger import LedgerService
from tests.support.api import Client, World, serving
from tests.support.stores import PLANS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.api import Reply

BLUE = "/v1/tenants/blue"
PLAN, QUOTA, SUFFIXES = f"{BLUE}/plan", f"{BLUE}/quota", f"{BLUE}/host-suffixes"
SHARE = f"{BLUE}/namespaces/default/quota"
ANY = {"If-Match": "*"}
LARGER = {"plan": "medium", "reason": "contract 17"}
FAIR = "fair.example"


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


def told(world: World) -> dict[str, Any]:
    """The namespaces as the cluster was told of them last."""
    names = world.cluster.named(TENANT_NAMESPACE, "")
    specs = [world.cluster.find(TENANT_NAMESPACE, "", name)["spec"] for name in names]
    return {spec["name"]: spec for spec in specs if spec["tenant"] == "blue"}


async def shares(client: Client) -> dict[str, str]:
    """Of each namespace, the CPU it may hold."""
    found = (await client.get(QUOTA)).json
    return {item["name"]: item["hard"]["cpu"] for item in found["namespaces"]}


async def set_share(client: Client, name: str, cpu: str) -> None:
    books = (await client.get(QUOTA)).json
    (hard,) = (item["hard"] for item in books["namespaces"] if item["name"] == name)
    path = f"{BLUE}/namespaces/{name}/quota"
    assert (await client.put(path, hard | {"cpu": cpu}, headers=ANY)).status == 200


async def test_a_larger_plan_is_in_force_at_once_at_every_door(
    any_world: World, boss: Client, owner: Client
) -> None:
    await owner.post(f"{BLUE}/namespaces", {"name": "shop"})
    await set_share(owner, "shop", "3")
    changed = await boss.put(PLAN, LARGER, headers=ANY)
    assert (changed.status, changed.json["plan"]) == (200, "medium")
    found = (await owner.get(QUOTA)).json
    assert (found["plan"], found["hard"]["cpu"], found["counts"]["namespaces"]["hard"]) == (
        "medium", "200", 10,
    )  # fmt: skip
    assert await shares(owner) == {"default": "20", "shop": "3"}  # what the owner divided stays
    facts = await any_world.stores.lookups.facts("blue--default")
    assert facts is not None
    assert facts.plan == "medium"
    await any_world.services().outbox.deliver()
    assert {name: spec["plan"] for name, spec in told(any_world).items()} == {
        "default": "medium", "shop": "medium",
    }  # fmt: skip
    assert told(any_world)["default"]["quota"]["cpu"] == "20"


async def test_a_smaller_plan_ends_nothing_and_refuses_growth(
    any_world: World, boss: Client, owner: Client
) -> None:
    await boss.put(PLAN, LARGER, headers=ANY)
    await owner.post(f"{BLUE}/namespaces", {"name": "shop"})
    ledger = LedgerService(any_world.stores, any_world.clock)
    held = Amounts(functions=1, replicas=20, cpu_millis=15_000, memory_bytes=1024**3)
    key = Key("Function", "default", "hello")
    assert await ledger.reserve("blue", key, held, 0) == ()
    back = await boss.put(PLAN, {"plan": "small", "reason": "contract ended"}, headers=ANY)
    assert back.status == 200
    found = (await owner.get(QUOTA)).json
    assert (found["hard"]["cpu"], found["reserved"]["cpu"], found["left"]["cpu"]) == (
        "12", "15", "0",
    )  # fmt: skip
    assert await shares(owner) == {"default": "4", "shop": "4"}
    refused = await ledger.reserve("blue", Key("Function", "shop", "x"), Amounts(cpu_millis=100), 0)
    assert {item.code for item in refused} == {"quota-tenant-cpu"}
    assert await ledger.reserve("blue", key, held, 1) == ()


async def test_shares_of_a_smaller_plan_stay_within_it(boss: Client, owner: Client) -> None:
    await boss.put(PLAN, LARGER, headers=ANY)
    for name in ("a", "b", "c"):
        await owner.post(f"{BLUE}/namespaces", {"name": name})
    await set_share(owner, "a", "6")
    await boss.put(PLAN, {"plan": "small", "reason": "x"}, headers=ANY)
    assert await shares(owner) == {"a": "6", "b": "2", "c": "2", "default": "2"}


async def test_an_override_and_what_was_approved_stay_on_top(boss: Client, owner: Client) -> None:
    limits = {
        "functions": 9, "triggers": 9, "replicas": 9, "cpu": "7", "memory": "2Gi", "hosts": 9,
        "requestsPerSecond": 9, "buildsPerDay": 9,
    }  # fmt: skip
    override = f"{QUOTA}/override"
    await boss.put(override, limits | {"reason": "x", "days": 2}, headers=ANY)
    asked = {"extra": {"cpu": "1"}, "reason": "the fair", "days": 1}
    request = (await owner.post(f"{QUOTA}/requests", asked)).json
    approved = await boss.post(f"{QUOTA}/requests/{request['id']}/approve", {})
    assert approved.status == 200, approved.body
    await boss.put(PLAN, LARGER, headers=ANY)
    assert (await owner.get(QUOTA)).json["hard"]["cpu"] == "8"
    await boss.delete(override, headers=ANY)
    assert (await owner.get(QUOTA)).json["hard"]["cpu"] == "201"


async def test_the_last_word_on_a_plan_is_not_said_by_accident(boss: Client) -> None:
    read = await boss.get(BLUE)
    (await boss.put(PLAN, LARGER)).problem(428, "precondition-required")
    match = {"If-Match": read.headers["ETag"]}
    assert (await boss.put(PLAN, LARGER, headers=match)).status == 200
    late = await boss.put(PLAN, {"plan": "large", "reason": "x"}, headers=match)
    late.problem(412, "precondition-failed")
    assert (await boss.get(BLUE)).json["plan"] == "medium"


async def test_what_is_wrong_with_a_plan_is_said(boss: Client, owner: Client) -> None:
    unknown = await boss.put(PLAN, {"plan": "huge", "reason": "x"}, headers=ANY)
    (finding,) = unknown.problem(422, "invalid")["findings"]
    assert (finding["code"], finding["path"]) == ("plan-unknown", "plan")
    assert finding["passes"] == sorted(PLANS)
    blank = await boss.put(PLAN, {"plan": "medium", "reason": " "}, headers=ANY)
    assert blank.problem(422, "invalid")["findings"][0]["code"] == "reason-missing"
    (await owner.put(PLAN, LARGER, headers=ANY)).problem(403, "forbidden")
    (await boss.put("/v1/tenants/ghost/plan", LARGER, headers=ANY)).problem(404, "not-found")
    assert (await boss.get(BLUE)).json["plan"] == "small"


def granted(reply: Reply) -> list[str]:
    assert reply.status == 200, reply.body
    found: list[str] = reply.json["granted"]
    return found


async def test_a_granted_suffix_is_known_at_every_door_until_it_is_taken_back(
    any_world: World, boss: Client, owner: Client
) -> None:
    assert granted(await boss.put(f"{SUFFIXES}/{FAIR}", None)) == [FAIR]
    assert granted(await boss.put(f"{SUFFIXES}/{FAIR}", None)) == [FAIR]  # again: as it is
    shown = await owner.get(SUFFIXES)
    assert shown.json == {"default": "blue.127-0-0-1.nip.io", "granted": [FAIR]}
    facts = await any_world.stores.lookups.facts("blue--default")
    assert facts is not None
    assert facts.host_suffixes == (FAIR,)
    await any_world.services().outbox.deliver()
    assert told(any_world)["default"]["hostSuffixes"] == [FAIR]
    assert granted(await boss.delete(f"{SUFFIXES}/{FAIR}")) == []
    await any_world.services().outbox.deliver()
    assert "hostSuffixes" not in told(any_world)["default"]
    (await boss.delete(f"{SUFFIXES}/{FAIR}")).problem(404, "not-found")
    assert granted(await boss.put(f"/v1/tenants/red/host-suffixes/{FAIR}", None)) == [FAIR]


async def test_a_suffix_in_use_is_not_taken_back(any_world: World, boss: Client) -> None:
    await boss.put(f"{SUFFIXES}/{FAIR}", None)
    ledger = LedgerService(any_world.stores, any_world.clock)
    for number in range(7):
        key = Key(HTTP_TRIGGER.name, "default", f"t{number}")
        host = f"h{number}.{FAIR}"
        assert await ledger.reserve("blue", key, Amounts(triggers=1, hosts=1), 0, host=host) == ()
    problem = (await boss.delete(f"{SUFFIXES}/{FAIR}")).problem(409, "conflict")
    assert problem["findings"][0]["code"] == "host-suffix-in-use"
    assert f"h0.{FAIR} (default/t0), " in problem["detail"]
    assert f"h4.{FAIR} (default/t4) and more" in problem["detail"]
    assert granted(await boss.get(SUFFIXES)) == [FAIR]


@pytest.mark.parametrize("other", [FAIR, f"shop.{FAIR}", "example.org"])
async def test_two_tenants_share_no_suffix(boss: Client, other: str) -> None:
    red = "/v1/tenants/red/host-suffixes"
    for suffix in (FAIR, "deep.example.org"):
        await boss.put(f"{SUFFIXES}/{suffix}", None)
    problem = (await boss.put(f"{red}/{other}", None)).problem(409, "conflict")
    (finding,) = problem["findings"]
    assert (finding["code"], finding["value"]) == ("host-suffix-taken", other)
    assert "tenant 'blue'" in finding["message"]
    assert granted(await boss.get(red)) == []
    assert granted(await boss.put(f"{red}/un{FAIR}", None)) == [f"un{FAIR}"]  # whole labels


@pytest.mark.parametrize(
    ("suffix", "code", "passes"),
    [
        ("Fair.Example", "host-suffix-malformed", FAIR),
        (f"*.{FAIR}", "host-suffix-malformed", FAIR),
        ("example", "host-suffix-malformed", None),
        ("xn--fr-yia.example", "host-suffix-malformed", None),
        ("a" * 64 + ".example", "host-suffix-malformed", None),
        ("a." * 120 + "example", "host-suffix-malformed", None),
        ("%25.example", "host-suffix-malformed", None),
        ("127-0-0-1.nip.io", "host-suffix-of-platform", None),
        ("red.127-0-0-1.nip.io", "host-suffix-of-platform", None),
    ],
)
async def test_what_is_no_suffix(boss: Client, suffix: str, code: str, passes: str | None) -> None:
    (finding,) = (await boss.put(f"{SUFFIXES}/{suffix}", None)).problem(422, "invalid")["findings"]
    assert (finding["code"], finding["path"], finding.get("passes")) == (code, "suffix", passes)
    assert granted(await boss.get(SUFFIXES)) == []


async def test_suffixes_are_bounded(any_world: World, boss: Client) -> None:
    async with any_world.stores.begin("blue") as work:
        for number in range(SUFFIXES_LIMIT):
            await work.hosts.grant(f"s{number}.example")
    (finding,) = (await boss.put(f"{SUFFIXES}/{FAIR}", None)).problem(422, "invalid")["findings"]
    assert (finding["code"], finding["limit"]) == ("host-suffixes-above-limit", SUFFIXES_LIMIT)


async def test_members_grant_themselves_nothing(boss: Client, owner: Client) -> None:
    (await owner.put(f"{SUFFIXES}/{FAIR}", None)).problem(403, "forbidden")
    await boss.put(f"{SUFFIXES}/{FAIR}", None)
    (await owner.delete(f"{SUFFIXES}/{FAIR}")).problem(403, "forbidden")
    (await owner.get("/v1/tenants/red/host-suffixes")).problem(404, "not-found")


async def test_nobody_asks_for_more_than_there_can_be(owner: Client) -> None:
    extra = {"namespaces": 999_999_999_999}
    asked = await owner.post(f"{QUOTA}/requests", {"extra": extra, "reason": "x", "days": 1})
    (finding,) = asked.problem(422, "invalid")["findings"]
    assert (finding["path"], finding["limit"], finding["passes"]) == ("namespaces", 10_000, 10_000)
