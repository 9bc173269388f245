"""Tenants, namespaces and tokens through the API, on memory and on a real Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from funkhaus.crd import tenant_namespace
from funkhaus.domain.kinds import TENANT_NAMESPACE
from funkhaus.domain.subject import Role
from funkhaus.domain.tenant import Namespace
from tests.support.api import QUOTA, Client, World, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def house(any_world: World) -> AsyncIterator[Client]:
    async with serving(any_world.services()) as nobody:
        yield nobody


@pytest.fixture
async def boss(any_world: World, house: Client) -> Client:
    return house.holding(await any_world.token("", None))


@pytest.fixture
async def blue(any_world: World, house: Client) -> Client:
    return house.holding(await any_world.token("blue", Role.OWNER))


async def test_an_admin_makes_tenants_and_pages_through_them(boss: Client) -> None:
    for name in ("ada", "bob", "cy"):
        made = await boss.post("/v1/tenants", {"id": name, "displayName": name.title()})
        assert (made.status, made.json["plan"]) == (201, "small")
    assert (await boss.get("/v1/tenants/ada")).json["displayName"] == "Ada"
    seen, after = [], ""
    while True:
        page = (await boss.get("/v1/tenants", params={"limit": 2, "continue": after})).json
        seen += [item["id"] for item in page["items"]]
        after = page["next"]
        if not after:
            break
    assert seen == ["ada", "blue", "bob", "cy", "red"]


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        ({"id": "A"}, "id", "name-malformed"),
        ({"id": "a--b"}, "id", "name-malformed"),
        ({"id": "a" * 31}, "id", "name-too-long"),
        ({"id": "ok", "plan": "gold"}, "plan", "plan-unknown"),
    ],
)
async def test_a_tenant_that_can_not_be(
    boss: Client, body: dict[str, str], path: str, code: str
) -> None:
    (finding,) = (await boss.post("/v1/tenants", body)).problem(422, "invalid")["findings"]
    assert (finding["path"], finding["code"]) == (path, code)
    assert finding["passes"]


async def test_an_id_is_given_out_once(boss: Client) -> None:
    problem = (await boss.post("/v1/tenants", {"id": "blue"})).problem(409, "conflict")
    assert "'blue'" in problem["detail"]


async def test_a_member_makes_no_tenants_and_sees_their_own(blue: Client) -> None:
    (await blue.post("/v1/tenants", {"id": "mine"})).problem(403, "forbidden")
    assert [item["id"] for item in (await blue.get("/v1/tenants")).json["items"]] == ["blue"]


async def test_a_namespace_is_a_row_at_once_and_an_object_soon(
    any_world: World, blue: Client
) -> None:
    made = await blue.post("/v1/tenants/blue/namespaces", {"name": "shop"})
    assert (made.status, made.json["clusterName"]) == (201, "blue--shop")
    assert made.json["quota"]["memory"] == "4Gi"
    await any_world.services().outbox.deliver()
    expected = tenant_namespace.manifest(Namespace("blue", "shop", QUOTA, plan="small"))
    assert any_world.cluster.find(TENANT_NAMESPACE, "", "blue--shop")["spec"] == expected["spec"]
    assert (await blue.get("/v1/tenants/blue/namespaces/shop")).json["ready"] is False
    any_world.settle(Namespace("blue", "shop", QUOTA))
    assert (await blue.get("/v1/tenants/blue/namespaces/shop")).json["ready"] is True
    listed = (await blue.get("/v1/tenants/blue/namespaces")).json["items"]
    assert [item["name"] for item in listed] == ["default", "shop"]


async def test_a_namespace_goes_and_its_name_stays_taken(any_world: World, blue: Client) -> None:
    assert (await blue.delete("/v1/tenants/blue/namespaces/default")).status == 204
    await any_world.services().outbox.deliver()
    assert "blue--default" not in any_world.cluster.named(TENANT_NAMESPACE, "")
    (await blue.get("/v1/tenants/blue/namespaces/default")).problem(404, "not-found")
    (await blue.delete("/v1/tenants/blue/namespaces/default")).problem(404, "not-found")
    again = await blue.post("/v1/tenants/blue/namespaces", {"name": "default"})
    again.problem(409, "conflict")


async def test_a_plan_bounds_namespaces(blue: Client) -> None:
    for name in ("two", "three"):
        assert (await blue.post("/v1/tenants/blue/namespaces", {"name": name})).status == 201
    refused = await blue.post("/v1/tenants/blue/namespaces", {"name": "four"})
    (finding,) = refused.problem(403, "policy-denied")["findings"]
    assert (finding["code"], finding["limit"], finding["value"]) == ("namespaces-above-plan", 3, 4)


async def test_a_token_is_shown_once_works_and_ends(house: Client, blue: Client) -> None:
    body = {"name": "ci", "role": "developer", "expiresInDays": 7}
    made = (await blue.post("/v1/tenants/blue/tokens", body)).json
    ci = house.holding(made["token"])
    me = (await ci.get("/v1/me")).json
    assert me["roles"] == {"blue": "developer"}
    assert me["groups"] == ["fh:blue:developer"]
    assert me["username"] == f"fh:{made['subject']}"
    listed = await blue.get("/v1/tenants/blue/tokens")
    assert made["token"] not in listed.body.decode()
    assert made["id"] in [item["id"] for item in listed.json["items"]]
    ended = await blue.delete(f"/v1/tenants/blue/tokens/{made['id']}")
    assert ended.json["revokedAt"]
    (await ci.get("/v1/me")).problem(401, "unauthenticated")
    (await blue.delete("/v1/tenants/blue/tokens/no-such")).problem(404, "not-found")


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"role": "king"}, "role"),
        ({"expiresInDays": 0}, "expiresInDays"),
        ({"expiresInDays": 366}, "expiresInDays"),
        ({"expiresInDays": "7"}, "expiresInDays"),
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 101}, "name"),
    ],
)
async def test_a_token_that_can_not_be(blue: Client, change: dict[str, object], path: str) -> None:
    body = {"name": "ci", "role": "owner"} | change
    problem = (await blue.post("/v1/tenants/blue/tokens", body)).problem(422, "invalid")
    assert [item["path"] for item in problem["findings"]] == [path]


@pytest.mark.parametrize("role", [Role.DEVELOPER, Role.VIEWER])
async def test_only_owners_rule(any_world: World, house: Client, role: Role) -> None:
    member = house.holding(await any_world.token("blue", role))
    for method, path, body in (
        ("POST", "/v1/tenants/blue/namespaces", {"name": "x"}),
        ("DELETE", "/v1/tenants/blue/namespaces/default", None),
        ("POST", "/v1/tenants/blue/tokens", {"name": "x", "role": "owner"}),
        ("GET", "/v1/tenants/blue/tokens", None),
    ):
        problem = (await member.ask(method, path, json=body)).problem(403, "forbidden")
        assert f"yours is {role.value}" in problem["detail"]
    assert (await member.get("/v1/tenants/blue/namespaces")).status == 200


async def test_characters_no_database_takes_never_reach_it(boss: Client) -> None:
    (await boss.get("/v1/tenants/a%00b")).problem(400, "malformed")
    (await boss.get("/v1/tenants/blue/namespaces?limit=%00")).problem(400, "malformed")
    (await boss.post("/v1/tenants", {"id": "x", "displayName": "a\0b"})).problem(400, "malformed")
    (await boss.post("/v1/tenants", {"id": "x", "displayName": "\ud800"})).problem(400, "malformed")
