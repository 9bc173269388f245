"""How many namespaces and tokens a tenant may have: the plan's, an override's, what was approved; on both stores."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.subject import Role
from tests.support.api import Client, World, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BLUE = "/v1/tenants/blue"
OVERRIDE, REQUESTS = f"{BLUE}/quota/override", f"{BLUE}/quota/requests"
ANY = {"If-Match": "*"}
DAY = 86400
STEPS = 25
MAKE: dict[str, tuple[str, dict[str, Any]]] = {
    "namespaces": (f"{BLUE}/namespaces", {}),
    "tokens": (f"{BLUE}/tokens", {"role": "developer"}),
}


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


async def people(world: World, house: Client) -> tuple[Client, Client]:
    """An owner whose credential is no token of the tenant's, and an admin; both have just signed in."""
    owner = house.holding(await world.session("ann"))
    me = str((await owner.get("/v1/me")).json["id"])
    async with world.stores.begin("blue") as work:
        await work.members.put(me, Role.OWNER, world.clock.now())
    return owner, house.holding(await world.token("", None))


async def books(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(f"{BLUE}/quota")).json
    return found


async def count(client: Client, what: str) -> tuple[int, int]:
    """How many there are, and how many there may be."""
    found = (await books(client))["counts"][what]
    return found["used"], found["hard"]


async def one_more(client: Client, what: str, name: str) -> bool:
    """Whether one more was let in; a refusal says what the limit is and how to ask for more."""
    path, body = MAKE[what]
    answer = await client.post(path, body | {"name": name})
    if answer.status == 201:
        return True
    (finding,) = answer.problem(403, "policy-denied")["findings"]
    assert finding["code"] == f"{what}-above-plan"
    assert finding["value"] > finding["limit"] == finding["passes"]
    assert f"funkhaus quota request --{what} 1" in finding["message"]
    return False


async def approved(owner: Client, boss: Client, days: int = 7, **extra: int) -> str:
    body = {"extra": extra, "reason": "the fair", "days": days}
    made = await owner.post(REQUESTS, body)
    assert made.status == 201, made.body
    request = str(made.json["id"])
    assert (await boss.post(f"{REQUESTS}/{request}/approve", {})).status == 200
    return request


async def override(boss: Client, **counts: int | None) -> dict[str, Any]:
    base = (await books(boss))["base"]
    answer = await boss.put(OVERRIDE, base | counts | {"reason": "x", "days": 3}, headers=ANY)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found


async def test_one_namespace_more_is_asked_for_approved_used_and_expires(
    any_world: World, owner: Client, boss: Client
) -> None:
    for name in ("two", "three"):
        assert await one_more(owner, "namespaces", name)
    assert not await one_more(owner, "namespaces", "four")
    request = await approved(owner, boss, namespaces=1)
    found = await books(owner)
    (item,) = found["approved"]
    assert (item["request"], item["extra"]["namespaces"], item["extra"]["tokens"]) == (
        request,
        1,
        0,
    )
    assert (found["hard"]["namespaces"], found["base"]["namespaces"]) == (4, 3)
    assert await one_more(owner, "namespaces", "four")
    assert not await one_more(owner, "namespaces", "five")
    any_world.clock.pass_seconds(7 * DAY)
    assert await count(owner, "namespaces") == (4, 3)  # also before the calendar comes by
    assert await any_world.services().quota_requests.expire() == 1
    assert await count(owner, "namespaces") == (4, 3)  # nothing ended
    assert (await books(owner))["counts"]["namespaces"]["left"] == 0
    for name in ("four", "three"):
        assert not await one_more(owner, "namespaces", "six")
        assert (await owner.delete(f"{BLUE}/namespaces/{name}")).status == 204
    assert await one_more(owner, "namespaces", "six")


async def test_an_override_says_how_many_or_leaves_it_to_the_plan(
    any_world: World, owner: Client, boss: Client
) -> None:
    changed = await override(boss, namespaces=5, tokens=2)
    assert (changed["hard"]["namespaces"], changed["hard"]["tokens"]) == (5, 2)
    assert changed["counts"]["tokens"] == {"hard": 2, "used": 1, "left": 1}
    assert await one_more(owner, "tokens", "ci")
    assert not await one_more(owner, "tokens", "cd")
    await approved(owner, boss, tokens=1)
    assert await one_more(owner, "tokens", "cd")
    changed = await override(boss, namespaces=None)
    assert (changed["hard"]["namespaces"], changed["hard"]["tokens"]) == (3, 3)
    any_world.clock.pass_seconds(3 * DAY)
    assert (await count(owner, "tokens"))[1] == 101
    assert await any_world.services().quotas.expire() == 1
    assert await count(owner, "tokens") == (3, 101)
    await override(boss, tokens=0)
    assert await count(owner, "tokens") == (3, 1)
    back = await boss.delete(OVERRIDE, headers=ANY)
    assert back.json["counts"]["tokens"]["hard"] == 101


@pytest.mark.parametrize("what", ["namespaces", "tokens"])
async def test_they_are_no_namespace_s(owner: Client, what: str) -> None:
    found = await books(owner)
    share = found["namespaces"][0]["hard"]
    answer = await owner.put(f"{BLUE}/namespaces/default/quota", share | {what: 1}, headers=ANY)
    (finding,) = answer.problem(422, "invalid")["findings"]
    assert (finding["code"], finding["path"]) == ("count-of-tenant", what)
    assert "counted over the whole tenant" in finding["message"]
    asked = {"extra": {what: 1}, "namespace": "default", "reason": "x", "days": 1}
    (finding,) = (await owner.post(REQUESTS, asked)).problem(422, "invalid")["findings"]
    assert (finding["code"], finding["path"]) == ("count-of-tenant", f"extra.{what}")
    assert await books(owner) == found


@pytest.mark.parametrize("number", [-1, 2**60])
@pytest.mark.parametrize("what", ["namespaces", "tokens"])
async def test_a_number_that_is_none(owner: Client, boss: Client, what: str, number: int) -> None:
    asked = {"extra": {what: number}, "reason": "x", "days": 1}
    (finding,) = (await owner.post(REQUESTS, asked)).problem(422, "invalid")["findings"]
    assert (finding["code"], finding["path"]) == ("quota-amount", what)
    body = (await books(boss))["base"] | {what: number, "reason": "x", "days": 1}
    (finding,) = (await boss.put(OVERRIDE, body, headers=ANY)).problem(422, "invalid")["findings"]
    assert (finding["code"], finding["path"]) == ("quota-amount", what)


@pytest.mark.parametrize("what", ["namespaces", "tokens"])
async def test_many_at_once_fill_it_to_the_brim_and_no_further(
    owner: Client, boss: Client, what: str
) -> None:
    await override(boss, **{what: 5})
    answers = await asyncio.gather(*(one_more(owner, what, f"n{count}") for count in range(12)))
    assert (sum(answers), await count(owner, what)) == (4, (5, 5))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("what", ["namespaces", "tokens"])
async def test_no_admission_takes_the_count_above_what_there_may_be(
    any_world: World, what: str, seed: int
) -> None:
    """Whatever was decided, expired or ended in between."""
    chance, names = random.Random(f"{what}-{seed}"), iter(range(1000))  # noqa: S311 - a repeatable one
    made: list[str] = []
    async with serving(any_world.services()) as house:
        owner, boss = await people(any_world, house)
        for _ in range(STEPS):
            step = chance.choice(
                ["more", "more", "more", "fewer", "override", "ask", "time", "back"]
            )
            before = await count(owner, what)
            if step == "more":
                name = f"n{next(names)}"
                let_in = await one_more(owner, what, name)
                used, hard = await count(owner, what)
                assert let_in == (before[0] < before[1])
                assert used == before[0] + let_in
                assert not let_in or used <= hard
                if let_in:
                    made.append(name)
            elif step == "fewer" and made and what == "namespaces":
                name = made.pop(chance.randrange(len(made)))
                assert (await owner.delete(f"{BLUE}/namespaces/{name}")).status == 204
            elif step == "override":
                await override(boss, **{what: chance.randrange(9)})
            elif step == "back":
                assert (await boss.delete(OVERRIDE, headers=ANY)).status == 200
                await override(boss, **{what: 3})
            elif step == "ask":
                await approved(
                    owner, boss, chance.randrange(1, 4), **{what: chance.randrange(1, 3)}
                )
            elif step == "time":
                any_world.clock.pass_seconds(chance.randrange(1, 2 * DAY))
                await any_world.services().quota_requests.expire()
                await any_world.services().quotas.expire()
                owner, boss = await people(any_world, house)
            used, _ = await count(owner, what)
            assert used <= max(before[0], before[1])
