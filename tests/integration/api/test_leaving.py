"""What somebody leaves who is removed or may less: no open invitation, and tokens that are named; on both stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.subject import Role
from tests.support.api import Client, World, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def house(any_world: World) -> AsyncIterator[Client]:
    async with serving(any_world.services()) as nobody:
        yield nobody


@pytest.fixture
async def ada(any_world: World, house: Client) -> Client:
    """Founder and owner of tenant `acme`."""
    client = house.holding(await any_world.session("ada"))
    assert (await client.post("/v1/tenants", {"id": "acme"})).status == 201
    return client


@pytest.fixture
async def bob(any_world: World, house: Client) -> Client:
    """Somebody who signed in."""
    return house.holding(await any_world.session("bob"))


async def me(client: Client) -> Any:
    return (await client.get("/v1/me")).json


@pytest.mark.parametrize("how", ["removed", "demoted"])
async def test_b71_who_is_out_leaves_no_door_open(
    ada: Client, bob: Client, house: Client, how: str
) -> None:
    """Invitations made by the session and by a token; the token itself goes on until somebody says so."""
    bob_id, acme = (await me(bob))["id"], "/v1/tenants/acme"
    await ada.post(f"{acme}/members", {"user": bob_id, "role": "owner"})
    made = (await bob.post(f"{acme}/tokens", {"name": "ci", "role": "owner"})).json
    assert made["issuedBy"] == f"fh:{bob_id}"
    token = house.holding(made["token"])
    secrets = [
        (await who.post(f"{acme}/invitations", {"role": "owner"})).json["secret"]
        for who in (bob, token)
    ]
    others = (await ada.post(f"{acme}/invitations", {"role": "viewer"})).json["secret"]

    async def out(*, revoke: bool) -> Any:
        if how == "removed":
            query = "?revokeTokens=true" if revoke else ""
            return (await ada.delete(f"{acme}/members/{bob_id}{query}")).json
        body = {"user": bob_id, "role": "viewer", "revokeTokens": revoke}
        return (await ada.post(f"{acme}/members", body)).json["left"]

    left = await out(revoke=False)
    assert (left["invitationsRevoked"], left["tokensRevoked"]) == (2, False)
    assert [(item["id"], item["revokedAt"]) for item in left["tokens"]] == [(made["id"], None)]
    assert (await token.get("/v1/me")).status == 200
    again = {"user": bob_id, "role": "owner"}
    assert (await ada.post(f"{acme}/members", again)).json["left"][
        "tokens"
    ] == []  # may more: nothing ends
    left = await out(revoke=True)
    assert (left["invitationsRevoked"], left["tokensRevoked"]) == (0, True)
    assert left["tokens"][0]["revokedAt"]
    (await token.get("/v1/me")).problem(401, "unauthenticated")
    for secret in secrets:
        (await bob.post("/v1/me/invitations/accept", {"secret": secret})).problem(404, "not-found")
    if how == "removed":
        assert (await bob.post("/v1/me/invitations/accept", {"secret": others})).status == 200


async def test_revoking_with_a_removal_takes_the_permission(
    any_world: World, house: Client, bob: Client
) -> None:
    bob_id = str((await me(bob))["id"])
    async with any_world.stores.begin("blue") as work:
        await work.members.put(bob_id, Role.VIEWER, any_world.clock.now())
    token = house.holding(await any_world.token("blue", Role.OWNER, scopes=("member:write",)))
    path = f"/v1/tenants/blue/members/{bob_id}"
    for who in (token, bob):
        (await who.delete(f"{path}?revokeTokens=true")).problem(403, "forbidden")
    assert (await me(bob))["roles"] == {"blue": "viewer"}
    assert (await token.delete(path)).status == 200
