"""A person's own sessions, seen and ended by them alone; on both kinds of stores."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.errors import ForbiddenError
from funkhaus.domain.subject import Role
from funkhaus.domain.tenant import Suspension
from funkhaus.domain.user import Identity
from tests.support.api import ISSUER, Client, World, serving
from tests.support.providers import MemoryProviders

from .test_disabled_users import authenticated
from .test_login import Program, code_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SESSIONS = "/v1/me/sessions"


@pytest.fixture
async def nobody(any_world: World) -> AsyncIterator[Client]:
    async with serving(any_world.services()) as client:
        yield client


async def id_of(client: Client) -> str:
    return str((await client.get("/v1/me")).json["tokenId"])


async def test_own_sessions_in_pages_and_which_asks(any_world: World, nobody: Client) -> None:
    first = nobody.holding(await any_world.session("ada"))
    any_world.clock.pass_seconds(60)
    second = nobody.holding(await any_world.session("ada"))
    await any_world.session("bob")
    found = (await second.get(SESSIONS)).json["items"]
    assert [(item["id"], item["current"]) for item in found] == [
        (await id_of(second), True), (await id_of(first), False),
    ]  # fmt: skip
    page = (await first.get(SESSIONS, params={"limit": 1})).json
    rest = (await first.get(SESSIONS, params={"limit": 1, "continue": page["next"]})).json
    assert [item["current"] for item in page["items"] + rest["items"]] == [False, True]
    assert rest["next"] == ""
    any_world.clock.pass_seconds(12 * 3600 - 60)  # the older one is over by now
    assert [item["current"] for item in (await second.get(SESSIONS)).json["items"]] == [True]


async def test_the_program_that_got_it_and_its_last_use(world: World) -> None:
    async with serving(services := world.services()) as api:
        assert isinstance(world.providers, MemoryProviders)
        program = await Program.begin(api)
        got = await program.redeem(await code_of(api, world.providers, program))
        ada = api.holding(got.json["token"])
        (before,) = (await ada.get(SESSIONS)).json["items"]
        assert before["client"].startswith("Python/")  # aiohttp, which asks in these tests
        assert before["lastUsedAt"] is None
        await services.uses.write()
        (after,) = (await ada.get(SESSIONS)).json["items"]
        assert after == before | {"lastUsedAt": after["lastUsedAt"]}
        assert after["lastUsedAt"] == before["createdAt"]


async def test_b72_one_ended_opens_no_door_any_more(any_world: World, nobody: Client) -> None:
    here, lost = [nobody.holding(await any_world.session("ada")) for _ in range(2)]
    gone = await id_of(lost)
    exchanged = (await lost.post("/v1/me/kubectl-credential", {})).json["token"]
    assert await authenticated(nobody, exchanged)
    assert (await here.delete(f"{SESSIONS}/{gone}")).status == 204
    assert "is over" in (await lost.get("/v1/me")).problem(401, "unauthenticated")["detail"]
    assert not await authenticated(nobody, exchanged)
    assert not await authenticated(nobody, lost.token)
    assert (await here.delete(f"{SESSIONS}/{gone}")).status == 204  # again is harmless
    assert [item["current"] for item in (await here.get(SESSIONS)).json["items"]] == [True]
    assert (await here.delete(f"{SESSIONS}/{await id_of(here)}")).status == 204
    (await here.get("/v1/me")).problem(401, "unauthenticated")


async def test_all_others_end_and_this_one_stays(any_world: World, nobody: Client) -> None:
    here, *others = [nobody.holding(await any_world.session("ada")) for _ in range(3)]
    bob = nobody.holding(await any_world.session("bob"))
    assert (await here.delete(SESSIONS)).json == {"ended": 2}
    for other in others:
        (await other.get("/v1/me")).problem(401, "unauthenticated")
    assert (await here.delete(SESSIONS)).json == {"ended": 0}
    assert (await bob.get("/v1/me")).status == 200


async def test_b71_nobody_ends_or_sees_another_s(any_world: World, nobody: Client) -> None:
    ada, bob = [nobody.holding(await any_world.session(name)) for name in ("ada", "bob")]
    admin = nobody.holding(await any_world.token("", None))
    owner = nobody.holding(await any_world.token("blue", Role.OWNER))
    theirs = await id_of(ada)
    for unknown in (theirs, "00000000-0000-0000-0000-000000000000", "x"):
        (await bob.delete(f"{SESSIONS}/{unknown}")).problem(404, "not-found")
    for token in (admin, owner):
        assert (await token.get(SESSIONS)).json["items"] == []
        (await token.delete(f"{SESSIONS}/{theirs}")).problem(403, "forbidden")
        (await token.delete(SESSIONS)).problem(403, "forbidden")
    assert [item["id"] for item in (await bob.get(SESSIONS)).json["items"]] == [await id_of(bob)]
    assert (await ada.get("/v1/me")).status == 200


async def test_who_signs_in_while_they_are_disabled_keeps_no_session(any_world: World) -> None:
    """Whichever comes first, no session is valid once both are through, not even for when they are let in again."""
    services, stores = any_world.services(), any_world.stores
    async with stores.begin_platform() as work:
        eve = await work.users.signed_in(Identity(ISSUER, "eve"), any_world.clock.now())

    async def sign_in() -> None:
        async with stores.begin_platform() as work:
            await services.sessions.issue(work, eve, ())

    async def disable() -> None:
        async with stores.begin_platform() as work:
            now = any_world.clock.now()
            await work.users.disable(eve.id, Suspension(now, "left", "Ada"))
            await work.sessions.revoke_of(eve.id, now)

    ended = await asyncio.gather(
        *(sign_in() for _ in range(3)), disable(), sign_in(), return_exceptions=True
    )
    assert all(item is None or isinstance(item, ForbiddenError) for item in ended), ended
    async with stores.begin_platform() as work:
        assert await work.sessions.page(eve.id, any_world.clock.now()) == []
