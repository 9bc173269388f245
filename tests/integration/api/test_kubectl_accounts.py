"""The exchange where kube-apiserver can't ask us, over REST; on memory and on a real Postgres, the cluster in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.kinds import ROLE_BINDING
from funkhaus.domain.subject import Role
from tests.support.api import Client, World, serving
from tests.support.members_house import until as house_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

MEMBERS = "funkhaus-system-members"
EXCHANGE = "/v1/me/kubectl-credential"


@pytest.fixture
async def house(any_world: World) -> AsyncIterator[Client]:
    any_world.members = MEMBERS
    any_world.cluster.now = any_world.clock.now
    any_world.cluster.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": MEMBERS}})
    async with serving(any_world.services()) as nobody:
        yield nobody


async def until(holds: Callable[[], bool]) -> None:
    """Wait for the worker; fails where it never does what it should."""

    async def asked() -> bool:
        return holds()

    await house_until("the worker's part", asked)


def bound(world: World) -> set[tuple[str, str]]:
    """Namespace and ClusterRole of all bindings of accounts."""
    return {
        (namespace, manifest["roleRef"]["name"].removeprefix("funkhaus-tenant-"))
        for (kind, namespace, _), manifest in world.cluster.objects.items()
        if kind == ROLE_BINDING.name and "funkhaus.dev/account" in manifest["metadata"]["labels"]
    }


async def test_b71_whatever_ends_a_credential_ends_its_account(
    any_world: World, house: Client
) -> None:
    boss = house.holding(await any_world.token("", None))
    owner = house.holding(await any_world.token("blue", Role.OWNER))
    made = (await owner.post("/v1/tenants/blue/tokens", {"name": "ci", "role": "developer"})).json
    ci = house.holding(made["token"])
    ada, bob = [house.holding(await any_world.session(name)) for name in ("ada", "bob")]
    ids = [(await one.get("/v1/me")).json["id"] for one in (ada, bob)]
    for user in ids:
        joined = await owner.post("/v1/tenants/blue/members", {"user": user, "role": "viewer"})
        assert joined.status < 300, joined.body
    for holder, end in (
        (ci, lambda: owner.delete(f"/v1/tenants/blue/tokens/{made['id']}")),
        (ada, lambda: owner.delete(f"/v1/tenants/blue/members/{ids[0]}")),
        (bob, lambda: boss.put(f"/v1/users/{ids[1]}/suspension", {"reason": "left"})),
    ):
        answer = await holder.post(EXCHANGE, {})
        assert answer.status == 201, answer.body
        assert answer.json["expiresAt"] == "2026-01-01T00:10:00Z"
        text = answer.json["token"]
        assert any_world.cluster.speaks_for(text).startswith(f"system:serviceaccount:{MEMBERS}:fh-")
        assert len(bound(any_world)) == 1
        done = await end()
        assert done.status < 300, done.body
        await until(lambda text=text: not any_world.cluster.speaks_for(text))
        await until(lambda: not bound(any_world))


async def test_a_role_and_a_suspension_are_followed(any_world: World, house: Client) -> None:
    boss = house.holding(await any_world.token("", None))
    owner = house.holding(await any_world.token("blue", Role.OWNER))
    assert (await owner.post(EXCHANGE, {})).status == 201
    place = "blue--default"
    assert bound(any_world) == {(place, "owner")}
    done = await boss.put("/v1/tenants/blue/suspension", {"reason": "unpaid"})
    assert done.status < 300, done.body
    await until(lambda: bound(any_world) == {(place, "viewer"), (place, "suspended")})
    assert (await boss.delete("/v1/tenants/blue/suspension")).status < 300
    await until(lambda: bound(any_world) == {(place, "owner")})


async def test_who_is_no_member_and_who_is_restricted_gets_none(
    any_world: World, house: Client
) -> None:
    for holder in (await any_world.token("", None), await any_world.session("stranger")):
        problem = (await house.holding(holder).post(EXCHANGE, {})).problem(403, "forbidden")
        assert "no role" in problem["detail"]
    less = house.holding(await any_world.token("blue", Role.OWNER, scopes=("function:read",)))
    (await less.post(EXCHANGE, {})).problem(403, "forbidden")
    assert not any_world.cluster.minted


async def test_a_token_s_end_is_the_credential_s(any_world: World, house: Client) -> None:
    short = house.holding(await any_world.token("blue", Role.OWNER, days=1 / 24 / 60))
    made = (await short.post(EXCHANGE, {})).json
    assert made["expiresAt"] == "2026-01-01T00:01:00Z"
    any_world.clock.pass_seconds(61)
    await until(lambda: not any_world.cluster.speaks_for(made["token"]))
