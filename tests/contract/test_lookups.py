"""One exam for what is asked with every request, in memory and on a real Postgres."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

from funkhaus.domain.subject import PlatformRole, Role
from funkhaus.domain.tenant import Namespace, Suspension
from funkhaus.domain.user import Identity, Session
from funkhaus.ports import Standing
from funkhaus.ports.bearers import Bearer

from .test_stores import LATER, NOW, QUOTA, a_token, stores, two, url

if TYPE_CHECKING:
    from funkhaus.ports import Stores

__all__ = ["stores", "two", "url"]


async def suspend(two: Stores, tenant: str) -> None:
    async with two.begin(tenant) as work:
        await work.lifecycle.suspend(Suspension(NOW, "unpaid", "Ada"))


async def test_a_session_comes_with_all_its_user_may(two: Stores) -> None:
    async with two.begin_platform() as work:
        ada = await work.users.signed_in(Identity("https://idp.example", "ada"), NOW)
        session = Session(str(uuid4()), ada, ("staff",), "wxyz", NOW, LATER)
        await work.sessions.add(session, b"digest")
        await work.users.grant(ada.id, PlatformRole.AUDITOR, "fh:1", NOW)
        await work.users.grant(ada.id, PlatformRole.APPROVER, "fh:1", NOW)
    for tenant, role in (("red", Role.OWNER), ("blue", Role.VIEWER)):
        async with two.begin(tenant) as inside:
            await inside.members.put(ada.id, role, NOW)
    platform = frozenset({PlatformRole.AUDITOR, PlatformRole.APPROVER})
    roles = {"blue": Role.VIEWER, "red": Role.OWNER}
    whole = Standing(session, roles, platform, frozenset())
    assert await two.lookups.standing(b"digest") == whole
    assert await two.lookups.standing(b"digest", ["blue", "green"]) == whole
    await suspend(two, "blue")
    resting = replace(whole, suspended=frozenset({"blue"}))
    assert await two.lookups.standing(b"digest") == resting


async def test_tenants_that_are_asked_about_are_told_of_too(two: Stores) -> None:
    async with two.begin_platform() as work:
        ada = await work.users.signed_in(Identity("https://idp.example", "ada"), NOW)
        await work.sessions.add(Session(str(uuid4()), ada, (), "wxyz", NOW, LATER), b"digest")
    await suspend(two, "red")
    for asked, told in (((), set()), (["blue"], set()), (["red", "blue", "no"], {"red"})):
        found = await two.lookups.standing(b"digest", asked)
        assert found is not None
        assert (found.roles, found.suspended, found.gone) == ({}, told, set())
    async with two.begin("blue") as inside:
        await inside.lifecycle.bury(NOW)
    found = await two.lookups.standing(b"digest", ["red", "blue"])
    assert found is not None
    assert (found.suspended - {"blue"}, found.gone) == ({"red"}, {"blue"})


async def test_what_belongs_to_a_suspended_tenant_says_so(two: Stores) -> None:
    async with two.begin("blue") as work:
        await work.add_token(a_token(), b"token")
    await suspend(two, "blue")
    bearer, facts = (
        await two.lookups.bearer(b"token", NOW),
        await two.lookups.facts("blue--default"),
    )
    assert bearer is not None
    assert facts is not None
    assert bearer.suspended
    assert [item.code for item in facts.objections] == ["tenant-suspended"]


async def test_a_look_up_sees_what_was_committed_before_it(two: Stores) -> None:
    token = a_token()
    async with two.begin("blue") as work:
        await work.add_token(token, b"token")
    for _ in range(20):
        assert (found := await two.lookups.bearer(b"token", NOW)) is not None
        assert found.token.revoked_at is None
    async with two.begin("blue") as work:
        await work.revoke_token(token.id, NOW)
    assert (found := await two.lookups.bearer(b"token", NOW)) is not None
    assert found.token.revoked_at == NOW


async def test_tokens_and_sessions_are_looked_up_by_id_too(two: Stores) -> None:
    token, other, gone = a_token(), a_token(), a_token(tenant="red")
    async with two.begin("blue") as work:
        await work.add_token(token, b"one")
        await work.add_token(other, b"two")
        await work.revoke_token(other.id, NOW)
    async with two.begin("red") as work:
        await work.add_token(gone, b"three")
        await work.lifecycle.bury(NOW)
    async with two.begin_platform() as platform:
        ada = await platform.users.signed_in(Identity("https://idp.example", "ada"), NOW)
        session = Session(str(uuid4()), ada, ("staff",), "wxyz", NOW, LATER)
        await platform.sessions.add(session, b"digest")
    async with two.begin("blue") as work:
        await work.members.put(ada.id, Role.OWNER, NOW)
    found = await two.lookups.holders([token.id, other.id, gone.id, str(uuid4())])
    assert found[token.id] == Bearer(token)
    assert found[other.id] == Bearer(replace(other, revoked_at=NOW))
    assert len(found) == 2
    assert await two.lookups.holders([]) == {}
    sessions = await two.lookups.sessions([session.id, str(uuid4())], ["red"])
    assert sessions == {session.id: await two.lookups.standing(b"digest", ["red"])}
    assert sessions[session.id].roles == {"blue": Role.OWNER}
    assert await two.lookups.sessions([]) == {}


async def test_namespaces_are_told_by_tenant(two: Stores) -> None:
    async with two.begin("blue") as work:
        have = [namespace.name for namespace in await work.namespaces()]
        await work.add_namespace(Namespace("blue", "shop", QUOTA))
        await work.add_namespace(Namespace("blue", "old", QUOTA))
        await work.remove_namespace("old")
    found = await two.lookups.namespaces(["blue", "red", "nobody"])
    assert found["blue"] == sorted([*have, "shop"])
    assert "nobody" not in found
    assert await two.lookups.namespaces([]) == {}
