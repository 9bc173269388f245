"""Who is in a tenant by a group of their provider's is seen there; on both kinds of stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.group_rule import GroupRule
from funkhaus.domain.subject import PlatformRole, Role
from tests.support.api import ISSUER, Client, World, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

RULES = (
    GroupRule(ISSUER, "house-admins", PlatformRole.ADMIN),
    GroupRule(ISSUER, "blue-ops", tenant="blue", role=Role.OWNER),
    GroupRule(ISSUER, "blue-devs", tenant="blue", role=Role.DEVELOPER),
    GroupRule(ISSUER, "red-devs", tenant="red", role=Role.DEVELOPER),
    GroupRule("https://other.example", "staff", tenant="blue", role=Role.VIEWER),
)
MEMBERS, RULED = "/v1/tenants/blue/members", "/v1/tenants/blue/member-rules"


@pytest.fixture
async def nobody(any_world: World) -> AsyncIterator[Client]:
    any_world.rules = RULES
    async with serving(any_world.services()) as client:
        yield client


@pytest.fixture
async def owner(any_world: World, nobody: Client) -> Client:
    """A token of tenant blue, which has no member."""
    return nobody.holding(await any_world.token("blue", Role.OWNER))


async def signed_in(world: World, nobody: Client, sub: str, *groups: str) -> tuple[Client, str]:
    client = nobody.holding(await world.session(sub, groups=groups))
    return client, str((await client.get("/v1/me")).json["id"])


async def members(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get(MEMBERS)).json["items"]
    return found


async def test_who_is_here_by_group_while_they_are(
    any_world: World, nobody: Client, owner: Client
) -> None:
    assert await members(owner) == []
    dev, dev_id = await signed_in(any_world, nobody, "dev", "x", "blue-devs")
    for sub, group in (("red", "red-devs"), ("ada", ""), ("staff", "staff")):
        await signed_in(any_world, nobody, sub, group)
    (shown,) = await members(owner)
    assert shown == {
        "user": dev_id, "email": "dev@example.com", "displayName": "Dev", "role": "developer",
        "since": "2026-01-01T00:00:00Z", "issuer": ISSUER, "sub": "dev", "source": "group", "group": "blue-devs",
        "until": "2026-01-01T12:00:00Z",
    }  # fmt: skip
    assert await members(dev) == [shown]
    assert (await owner.delete(f"{MEMBERS}/{dev_id}")).status == 404  # no member: a rule says so
    assert (await dev.delete("/v1/me/session")).status == 204
    assert await members(owner) == []


async def test_the_role_shown_is_the_one_held(
    any_world: World, nobody: Client, owner: Client
) -> None:
    both, _ = await signed_in(any_world, nobody, "mia", "blue-devs", "blue-ops")
    assert (await both.get("/v1/me")).json["roles"] == {"blue": "owner"}
    assert [(item["role"], item["group"]) for item in await members(owner)] == [
        ("owner", "blue-ops")
    ]
    any_world.clock.pass_seconds(1)
    again, key = await signed_in(any_world, nobody, "mia", "blue-devs")
    assert (await again.get("/v1/me")).json["roles"] == {"blue": "developer"}
    assert [item["role"] for item in await members(owner)] == ["developer"]
    made = await owner.post(MEMBERS, {"user": key, "role": "viewer"})
    assert (made.json["source"], made.json["group"], made.json["until"]) == ("direct", "", None)
    assert [(item["role"], item["source"]) for item in await members(owner)] == [
        ("viewer", "direct")
    ]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
async def test_pages_go_from_members_on_to_the_others(
    any_world: World, nobody: Client, owner: Client, limit: int
) -> None:
    for number in range(4):
        _, key = await signed_in(any_world, nobody, f"p{number}", "blue-devs")
        if number < 2:
            await owner.post(MEMBERS, {"user": key, "role": "viewer"})
    whole = await members(owner)
    assert [item["source"] for item in whole] == ["direct"] * 2 + ["group"] * 2
    for part in (whole[:2], whole[2:]):
        assert [item["user"] for item in part] == sorted(item["user"] for item in part)
    found: list[dict[str, Any]] = []
    params: dict[str, str | int] = {"limit": limit}
    while True:
        page = (await owner.get(MEMBERS, params=params)).json
        assert len(page["items"]) <= limit
        found += page["items"]
        if not page["next"]:
            break
        params["continue"] = page["next"]
    assert found == whole


async def test_the_rules_say_who_might_come(
    any_world: World, nobody: Client, owner: Client
) -> None:
    wanted = [
        {"issuer": rule.issuer, "group": rule.group, "role": rule.role and rule.role.value}
        for rule in RULES
        if rule.tenant == "blue"
    ]
    assert (await owner.get(RULED)).json == {"items": wanted, "next": ""}
    first = (await owner.get(RULED, params={"limit": 2})).json
    rest = (await owner.get(RULED, params={"limit": 2, "continue": first["next"]})).json
    assert first["items"] + rest["items"] == wanted
    red = nobody.holding(await any_world.token("red", Role.OWNER))
    for path in (RULED, MEMBERS):
        (await red.get(path)).problem(404, "not-found")
