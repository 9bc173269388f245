"""Platform admins' tokens, seen and ended by another admin; on both kinds of stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.subject import Role
from tests.support.api import Client, World, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TOKENS = "/v1/platform/tokens"


@pytest.fixture
async def nobody(any_world: World) -> AsyncIterator[Client]:
    async with serving(any_world.services()) as client:
        yield client


async def test_b71_an_admin_ends_another_s_token(any_world: World, nobody: Client) -> None:
    one = nobody.holding(await any_world.token("", None))
    any_world.clock.pass_seconds(1)
    other = nobody.holding(await any_world.token("", None))
    stolen = (await other.get("/v1/me")).json["tokenId"]
    found = (await one.get(TOKENS)).json["items"]
    assert [item["kind"] for item in found] == ["adm", "adm"]
    assert (found[0]["id"], found[0]["revokedAt"], "token" in found[0]) == (stolen, None, False)
    first = (await one.get(TOKENS, params={"limit": 1})).json
    (second,) = (await one.get(TOKENS, params={"limit": 1, "continue": first["next"]})).json[
        "items"
    ]
    assert (first["items"], second) == (found[:1], found[1])
    ended = await one.delete(f"{TOKENS}/{stolen}")
    assert ended.json["revokedAt"]
    (await other.get("/v1/me")).problem(401, "unauthenticated")
    any_world.clock.pass_seconds(60)
    assert (await one.delete(f"{TOKENS}/{stolen}")).json == ended.json
    assert (await one.get(TOKENS)).json["items"][0]["revokedAt"] == ended.json["revokedAt"]


async def test_a_tenant_s_token_is_none_of_these(any_world: World, nobody: Client) -> None:
    admin = nobody.holding(await any_world.token("", None))
    owner = nobody.holding(await any_world.token("blue", Role.OWNER))
    theirs = (await owner.get("/v1/me")).json["tokenId"]
    for name in (theirs, "x", "6f9619ff-8b86-d011-b42d-00cf4fc964ff"):
        (await admin.delete(f"{TOKENS}/{name}")).problem(404, "not-found")
    assert (await owner.get("/v1/me")).status == 200
    (await owner.get(TOKENS)).problem(403, "forbidden")
    (await owner.delete(f"{TOKENS}/{theirs}")).problem(403, "forbidden")
