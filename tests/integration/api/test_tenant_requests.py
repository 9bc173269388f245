"""A tenant above self-service: asked for, decided by somebody else, and then there; on both kinds of stores."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.subject import PlatformRole, Role
from tests.support.api import Client, Reply, World, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

REQUESTS = "/v1/tenant-requests"


@pytest.fixture
async def nobody(any_world: World) -> AsyncIterator[Client]:
    async with serving(any_world.services()) as client:
        yield client


@pytest.fixture
async def bob(any_world: World, nobody: Client) -> Client:
    """Somebody who signed in."""
    return nobody.holding(await any_world.session("bob"))


@pytest.fixture
async def approver(any_world: World, nobody: Client) -> Client:
    """Who decides, and is no admin."""
    client = nobody.holding(await any_world.session("petra"))
    user = (await client.get("/v1/me")).json["id"]
    async with any_world.stores.begin_platform() as work:
        await work.users.grant(user, PlatformRole.APPROVER, "fh:0", any_world.clock.now())
    return client


async def ask(client: Client, tenant: str = "acme", **more: Any) -> Reply:
    body = {"id": tenant, "plan": "large", "reason": "the fair"} | more
    return await client.post(REQUESTS, body)


async def decide(client: Client, request: str, verb: str = "approve", note: str = "") -> Reply:
    return await client.post(f"{REQUESTS}/{request}/{verb}", {"note": note})


async def test_asked_approved_and_owned(bob: Client, approver: Client) -> None:
    refused = await bob.post("/v1/tenants", {"id": "acme", "plan": "large"})
    assert "funkhaus tenant request" in refused.problem(403, "policy-denied")["detail"]
    made = await ask(bob, displayName="Acme")
    assert made.status == 201, made.body
    assert (await bob.get("/v1/tenants/acme")).status == 404  # not there before somebody said yes
    (waiting,) = (await approver.get(REQUESTS)).json["items"]
    assert waiting == made.json
    assert (waiting["requesterEmail"], waiting["requesterName"]) == ("bob@example.com", "Bob")
    decided = await decide(approver, waiting["id"], note="enjoy")
    assert (decided.status, decided.json["state"], decided.json["note"]) == (
        200,
        "approved",
        "enjoy",
    )
    tenant = (await bob.get("/v1/tenants/acme")).json
    assert (tenant["plan"], tenant["displayName"]) == ("large", "Acme")
    assert (await bob.get("/v1/me")).json["roles"] == {"acme": "owner"}
    assert (await approver.get(REQUESTS)).json["items"] == []
    assert (await bob.get("/v1/me/tenant-requests")).json["items"] == [decided.json]


async def test_a_no_makes_nothing_and_is_final(bob: Client, approver: Client) -> None:
    request = (await ask(bob)).json["id"]
    assert (await decide(approver, request, "reject", "too large")).json["state"] == "rejected"
    (await decide(approver, request)).problem(409, "conflict")
    (await bob.delete(f"{REQUESTS}/{request}")).problem(409, "conflict")
    assert (await bob.get("/v1/tenants/acme")).status == 404
    (mine,) = (await bob.get("/v1/me/tenant-requests")).json["items"]
    assert (mine["state"], mine["note"]) == ("rejected", "too large")


async def test_nobody_decides_on_their_own(bob: Client, approver: Client) -> None:
    own = (await ask(approver)).json["id"]
    assert "own request" in (await decide(approver, own)).problem(403, "forbidden")["detail"]
    other = (await ask(bob, "other")).json["id"]
    (await decide(bob, other)).problem(403, "forbidden")
    (await bob.get(REQUESTS)).problem(403, "forbidden")


async def test_taken_back_by_who_asked_alone(bob: Client, approver: Client) -> None:
    request = (await ask(bob)).json["id"]
    (await approver.delete(f"{REQUESTS}/{request}")).problem(404, "not-found")
    assert (await approver.get("/v1/me/tenant-requests")).json["items"] == []
    assert (await bob.delete(f"{REQUESTS}/{request}")).json["state"] == "withdrawn"
    (await decide(approver, request)).problem(409, "conflict")


async def test_an_id_taken_meanwhile_leaves_the_request_waiting(
    any_world: World, bob: Client, approver: Client
) -> None:
    request = (await ask(bob, "green")).json["id"]
    await any_world.tenant("green")
    assert "given out once" in (await decide(approver, request)).problem(409, "conflict")["detail"]
    (waiting,) = (await approver.get(REQUESTS)).json["items"]
    assert (waiting["id"], waiting["state"]) == (request, "pending")


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"id": "No Name"}, "id"), ({"id": "a--b"}, "id"), ({"plan": "gold"}, "plan"),
        ({"reason": ""}, "reason"), ({"reason": " "}, "reason"),
    ],
)  # fmt: skip
async def test_what_can_not_be_asked(bob: Client, change: dict[str, str], path: str) -> None:
    body = {"id": "acme", "plan": "large", "reason": "the fair"} | change
    problem = (await bob.post(REQUESTS, body)).problem(422, "invalid")
    assert problem["findings"][0]["path"] == path


async def test_only_people_ask_and_only_so_often(
    any_world: World, nobody: Client, bob: Client
) -> None:
    owner = nobody.holding(await any_world.token("blue", Role.OWNER))
    (await ask(owner)).problem(403, "forbidden")
    assert (await owner.get("/v1/me/tenant-requests")).json["items"] == []
    replies = await asyncio.gather(*(ask(bob, f"acme{number}") for number in range(6)))
    assert sorted(reply.status for reply in replies) == [201] * 3 + [403] * 3
    refused = next(reply for reply in replies if reply.status == 403)
    assert refused.problem(403, "policy-denied")["findings"][0]["limit"] == 3
    waiting = (await bob.get("/v1/me/tenant-requests")).json["items"]
    assert (await bob.delete(f"{REQUESTS}/{waiting[0]['id']}")).status == 200
    assert (await ask(bob, "again")).status == 201


@pytest.mark.parametrize("request_id", ["x", "6f9619ff-8b86-d011-b42d-00cf4fc964ff"])
async def test_a_request_there_is_not(bob: Client, approver: Client, request_id: str) -> None:
    (await decide(approver, request_id)).problem(404, "not-found")
    (await bob.delete(f"{REQUESTS}/{request_id}")).problem(404, "not-found")
