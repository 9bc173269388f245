"""Lists come in pages; where one goes on, only the platform says, and only for that list."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from funkhaus.domain.member import Invitation
from funkhaus.domain.quota import NO_QUOTA
from funkhaus.domain.quota_request import QuotaRequest
from funkhaus.domain.service_account import ServiceAccount
from funkhaus.domain.subject import PlatformRole, Role
from funkhaus.domain.tenant import Namespace
from funkhaus.domain.tenant_request import TenantRequest
from funkhaus.domain.user import Identity
from funkhaus_api.wire.cursors import LIFETIME
from tests.support.api import ISSUER, QUOTA, Client, World, serving

if TYPE_CHECKING:
    from tests.support.api import Reply

COUNT = 5
EXTRA = replace(NO_QUOTA, cpu_millis=500)
LISTS = [
    "/v1/me/invitations",
    "/v1/me/tenant-requests",
    "/v1/platform/grants",
    "/v1/platform/tokens",
    "/v1/quota-requests",
    "/v1/tenant-requests",
    "/v1/tenants",
    "/v1/tenants/blue/invitations",
    "/v1/tenants/blue/members",
    "/v1/tenants/blue/namespaces",
    "/v1/tenants/blue/quota/requests",
    "/v1/tenants/blue/serviceaccounts",
    "/v1/tenants/blue/tokens",
]
"""Read from the database."""
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


async def furnish(world: World) -> str:
    """`COUNT` of everything, two of an instant; the session of somebody who may read all of it."""
    session = await world.session("ada")
    for count in range(COUNT):
        now = world.clock.now() - timedelta(microseconds=count // 2)
        name = f"n{count}"
        await world.tenant(name)
        await world.token("blue", Role.VIEWER)
        await world.token("", None)
        async with world.stores.begin_platform() as platform:
            sub = name if count else "ada"
            user = await platform.users.signed_in(
                Identity(ISSUER, sub, f"{sub}@example.com", sub), now
            )
            await platform.users.grant(user.id, PlatformRole.ADMIN, "fh:1", now)
            ada = await platform.users.signed_in(
                Identity(ISSUER, "ada", "ada@example.com", "Ada"), now
            )
            wanted = TenantRequest(
                str(uuid4()), f"t{count}", "small", "", "why", ada.id, "Ada", "ada@example.com", now
            )
            await platform.tenant_requests.add(wanted)
        async with world.stores.begin("blue") as work:
            await work.members.put(user.id, Role.OWNER, now)
            offer = Invitation(
                *(str(uuid4()), "blue", "ada@example.com", Role.VIEWER, "fh:1"),
                *(now, now + timedelta(days=1)),
            )
            await work.members.invite(offer, name.encode())
            await work.add_namespace(Namespace("blue", name, QUOTA))
            request = QuotaRequest(str(uuid4()), "blue", "", EXTRA, "why", 7, "fh:1", now)
            await work.quota_requests.put(request)
            account = ServiceAccount(str(uuid4()), "blue", name, Role.VIEWER, now)
            await work.service_accounts.add(account)
    return session


async def test_lists_of_the_database_come_in_pages_each_entry_once(any_world: World) -> None:
    session = await furnish(any_world)
    async with serving(any_world.services()) as client:
        ada = client.holding(session)
        for path in LISTS:
            whole = (await ada.get(path)).json["items"]
            assert len(whole) >= COUNT, path
            seen, more = [], f"{path}?limit=2"
            while more:
                page = await ada.get(more)
                assert len(page.json["items"]) <= 2
                seen += page.json["items"]
                more = page.headers.get("Link", "").removeprefix("<").partition(">")[0]
            assert seen == whole, path


async def test_what_comes_or_goes_between_two_pages_moves_no_other(any_world: World) -> None:
    session = await furnish(any_world)
    path = "/v1/tenants/blue/members"
    async with serving(any_world.services()) as client:
        ada = client.holding(session)
        whole = [item["user"] for item in (await ada.get(path)).json["items"]]
        first = (await ada.get(path, params={"limit": 2})).json
        async with any_world.stores.begin("blue") as work:
            await work.members.remove(whole[0])
            await work.members.remove(whole[1])
        rest = (await ada.get(path, params={"continue": first["next"]})).json
        assert [item["user"] for item in rest["items"]] == whole[2:]
