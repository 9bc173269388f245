"""Lists come in pages; where one goes on, only the platform says, and only for that list."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.subject import Role
from funkhaus_api.wire.cursors import LIFETIME

if TYPE_CHECKING:
    from tests.support.api import Client, Reply, World

FUNCTIONS = "/v1/tenants/blue/namespaces/default/functions"


def refused(reply: Reply) -> None:
    (finding,) = reply.problem(400, "cursor-refused")["findings"]
    assert finding["path"] == "continue"


async def cursor_of(client: Client, path: str, **params: str | int) -> str:
    cursor: str = (await client.get(path, params={"limit": 1, **params})).json["next"]
    assert cursor
    return cursor


@pytest.fixture
async def functions(world: World, owner: Client) -> Client:
    await world.tenant("green", "default")
    for name in ("a", "b", "c"):
        body = {"name": name, "spec": {"runtime": "python3.11", "handler": "a.a"}}
        assert (await owner.post(FUNCTIONS, body)).status == 201
    return owner


async def test_a_changed_cursor_passes_nowhere(functions: Client) -> None:
    cursor = await cursor_of(functions, FUNCTIONS)
    assert (await functions.get(FUNCTIONS, params={"continue": cursor})).json["items"]
    for position in range(len(cursor)):
        changed = (
            cursor[:position] + ("A" if cursor[position] != "A" else "Q") + cursor[position + 1 :]
        )
        reply = await functions.get(FUNCTIONS, params={"continue": changed})
        if position == len(cursor) - 1 and reply.status == 200:
            continue  # the last digit of base64 may hold bits that mean nothing
        refused(reply)
    for made_up in ("b", "x" * 5000, "ü", "AAAA", cursor + "AAAA", cursor[4:]):
        refused(await functions.get(FUNCTIONS, params={"continue": made_up}))


async def test_b74_a_cursor_of_another_list_or_asker(
    world: World, functions: Client, admin: Client, viewer: Client, nobody: Client
) -> None:
    cursor = await cursor_of(functions, FUNCTIONS)
    refused(await functions.get("/v1/tenants/blue/namespaces", params={"continue": cursor}))
    refused(await functions.get("/v1/tenants/blue/tokens", params={"continue": cursor}))
    refused(await admin.get(FUNCTIONS.replace("blue", "red"), params={"continue": cursor}))
    red = nobody.holding(await world.token("red", Role.OWNER))
    tenants = await cursor_of(admin, "/v1/tenants")
    refused(await red.get("/v1/tenants", params={"continue": tenants}))
    assert (await viewer.get(FUNCTIONS, params={"continue": cursor})).status == 200


async def test_a_cursor_expires(world: World, functions: Client) -> None:
    cursor = await cursor_of(functions, FUNCTIONS)
    world.clock.pass_seconds(LIFETIME - 1)
    assert (await functions.get(FUNCTIONS, params={"continue": cursor})).status == 200
    world.clock.pass_seconds(1)
    reply = await functions.get(FUNCTIONS, params={"continue": cursor})
    refused(reply)
    assert "expired" in reply.json["detail"]


async def test_all_of_every_list_once_and_in_order(world: World, functions: Client) -> None:
    for number in range(5):
        await world.token("blue", Role.VIEWER)
        world.clock.pass_seconds(number % 2)  # some at the same instant
    whole = [item["id"] for item in (await functions.get("/v1/tenants/blue/tokens")).json["items"]]
    seen, path = [], "/v1/tenants/blue/tokens?limit=2"
    while path:
        page = await functions.get(path)
        seen += [item["id"] for item in page.json["items"]]
        path = page.headers.get("Link", "").removeprefix("<").partition(">")[0]
        assert bool(path) == bool(page.json["next"])
    assert seen == whole
    assert len(set(seen)) == len(seen) == 6
