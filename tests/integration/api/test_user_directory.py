"""People who have signed in, found by whoever runs the platform; on both kinds of stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.subject import Role
from funkhaus.domain.user import EMAIL_LIMIT, Identity
from tests.support.api import ISSUER, Client, World, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

USERS = "/v1/users"
OTHER = "https://other.example"


@pytest.fixture
async def nobody(any_world: World) -> AsyncIterator[Client]:
    """With Ada, Eve, and another Ada of another issuer."""
    async with any_world.stores.begin_platform() as work:
        for issuer, sub in ((ISSUER, "eve"), (ISSUER, "ada"), (OTHER, "ada")):
            known = Identity(issuer, sub, f"{sub}@example.com", sub.title())
            await work.users.signed_in(known, any_world.clock.now())
    async with serving(any_world.services()) as client:
        yield client


@pytest.fixture
async def admin(any_world: World, nobody: Client) -> Client:
    return nobody.holding(await any_world.token("", None))


async def test_an_address_finds_everybody_who_has_it(admin: Client) -> None:
    found = (await admin.get(USERS, params={"email": "Ada@Example.com"})).json["items"]
    assert sorted((item["issuer"], item["sub"]) for item in found) == [
        (ISSUER, "ada"),
        (OTHER, "ada"),
    ]
    assert len({item["id"] for item in found}) == 2
    everybody = (await admin.get(USERS)).json["items"]
    assert [item["sub"] for item in everybody] == ["ada", "ada", "eve"]
    (eve,) = (await admin.get(USERS, params={"email": "e"})).json["items"]
    assert (eve["displayName"], eve["disabled"]) == ("Eve", None)
    assert (await admin.get(USERS, params={"email": "%"})).json["items"] == []


async def test_pages_and_what_is_refused(admin: Client) -> None:
    seen: list[str] = []
    params: dict[str, str | int] = {"limit": 1, "email": "a"}
    while True:
        page = (await admin.get(USERS, params=params)).json
        seen += [item["id"] for item in page["items"]]
        if not page["next"]:
            break
        params["continue"] = page["next"]
    assert len(seen) == len(set(seen)) == 2
    elsewhere = {"limit": 1, "email": "e", "continue": params["continue"]}
    (await admin.get(USERS, params=elsewhere)).problem(400, "cursor-refused")
    long = {"email": "a" * (EMAIL_LIMIT + 1)}
    (finding,) = (await admin.get(USERS, params=long)).problem(422, "invalid")["findings"]
    assert (finding["path"], finding["limit"]) == ("email", EMAIL_LIMIT)
    (await admin.get(USERS, params={"sub": "ada"})).problem(422, "invalid")


async def test_one_with_the_roles_given_by_name(admin: Client, any_world: World) -> None:
    (eve,) = (await admin.get(USERS, params={"email": "eve@example.com"})).json["items"]
    async with any_world.stores.begin("blue") as work:
        await work.members.put(eve["id"], Role.VIEWER, any_world.clock.now())
    await admin.post("/v1/platform/grants", {"user": eve["id"], "role": "auditor"})
    whole = (await admin.get(f"{USERS}/{eve['id']}")).json
    assert whole == eve | {"roles": {"blue": "viewer"}, "platformRoles": ["auditor"]}
    for unknown in ("00000000-0000-0000-0000-000000000000", "x"):
        (await admin.get(f"{USERS}/{unknown}")).problem(404, "not-found")


@pytest.mark.parametrize("role", ["approver", "auditor"])
async def test_who_decides_and_who_audits_see_people_and_change_none(
    any_world: World, nobody: Client, admin: Client, role: str
) -> None:
    mia = nobody.holding(await any_world.session("mia"))
    key = (await mia.get("/v1/me")).json["id"]
    (await mia.get(USERS)).problem(403, "forbidden")
    assert (await admin.post("/v1/platform/grants", {"user": key, "role": role})).status == 204
    assert len((await mia.get(USERS)).json["items"]) == 4
    assert (await mia.get(f"{USERS}/{key}")).json["platformRoles"] == [role]
    (await mia.put(f"{USERS}/{key}/suspension", {"reason": "x"})).problem(403, "forbidden")


async def test_b71_members_and_their_tokens_see_nobody(any_world: World, nobody: Client) -> None:
    eve = nobody.holding(await any_world.session("eve"))
    owner = nobody.holding(await any_world.token("blue", Role.OWNER))
    mine = (await eve.get("/v1/me")).json["id"]
    for client in (eve, owner):
        (await client.get(USERS, params={"email": "ada"})).problem(403, "forbidden")
        (await client.get(f"{USERS}/{mine}")).problem(403, "forbidden")
