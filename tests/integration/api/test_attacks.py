"""Attacks through the API, by the ids of docs/attacks.md, where no other test has them by the way."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
import structlog

from funkhaus.domain.errors import UnavailableError
from funkhaus.domain.subject import Role
from funkhaus.domain.token import TokenKind, compose
from tests.support.api import serving
from tests.support.operations import BODIES, OPERATIONS, ask

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from funkhaus.ports import Stores
    from tests.support.api import Client, World

INSIDE = sorted(name for name, item in OPERATIONS.items() if "{tenant}" in item["path"])
FUNCTIONS = "/v1/tenants/blue/namespaces/default/functions"
SPEC = {"runtime": "python3.11", "handler": "a.a", "source": {"inline": {"files": {"a.py": "x"}}}}
FORGED = {
    "Impersonate-User": "fh:somebody", "Impersonate-Group": "fh:red:owner", "Impersonate-Uid": "1",
    "Impersonate-Extra-Scopes": "all", "X-Remote-User": "admin", "X-Remote-Group": "system:masters",
    "X-Forwarded-User": "admin", "X-Auth-Request-User": "admin", "X-Tenant": "red", "Cookie": "session=x",
}  # fmt: skip


@pytest.fixture
async def house(any_world: World) -> AsyncIterator[Client]:
    async with serving(any_world.services()) as nobody:
        yield nobody


@pytest.fixture
async def blue(any_world: World, house: Client) -> Client:
    return house.holding(await any_world.token("blue", Role.OWNER))


def kept(world: World) -> dict[str, Any]:
    """Everything but what is written about refusals."""
    return {
        name: value
        for name, value in vars(world.memory.state).items()
        if name not in {"audit", "trails"}
    }


async def seen_by(client: Client, tenant: str) -> list[bytes]:
    """Everything there is of a tenant to see."""
    paths = ["", "/namespaces", "/tokens", "/members", "/invitations", "/serviceaccounts", "/quota"]
    paths = [f"/v1/tenants/{tenant}{path}" for path in paths] + ["/v1/tenants", "/v1/me"]
    return [(await client.get(path)).body for path in paths]


@pytest.mark.parametrize("name", INSIDE)
async def test_b22_b74_a_neighbour_s_ids_are_like_none_at_all(
    world: World, nobody: Client, owner: Client, name: str
) -> None:
    """Whoever asks about a neighbour hears to the letter what they hear about a tenant there is not."""
    assert (await owner.post(FUNCTIONS, {"name": "x", "spec": SPEC})).status == 201
    red = nobody.holding(await world.token("red", Role.OWNER))
    before, writes = kept(world), list(world.cluster.writes)
    said = []
    for tenant in ("blue", "nix"):
        reply = await ask(red, name, tenant=tenant)
        assert reply.status in {403, 404}, reply.body
        problem = reply.problem(reply.status, "forbidden" if reply.status == 403 else "not-found")
        problem.pop("requestId")
        said.append(json.dumps(problem).replace(tenant, "…"))
    assert said[0] == said[1]
    assert kept(world) == before
    assert world.cluster.writes == writes
    assert {row.tenant for row in world.memory.state.audit if row.outcome == "denied"} <= {""}


@pytest.mark.parametrize("name", sorted(set(INSIDE) & set(BODIES)))
async def test_b22_a_tenant_in_the_body_or_the_query_is_none(
    world: World, owner: Client, name: str
) -> None:
    red = owner.holding(await world.token("red", Role.OWNER))
    before = await seen_by(red, "red")
    reply = await ask(owner, name, json=BODIES[name] | {"tenant": "red"})
    problem = reply.problem(422, "invalid")
    assert [item["path"] for item in problem["findings"]] == ["tenant"]
    await ask(owner, name, params={"tenant": "red"})
    assert await seen_by(red, "red") == before


async def test_b22_a_neighbour_s_ids_in_one_s_own_path_are_none(
    world: World, owner: Client
) -> None:
    """An id of a neighbour's token, account, invitation, request or function, below one's own tenant."""
    red = owner.holding(await world.token("red", Role.OWNER))
    at = "/v1/tenants/red"
    token = (await red.post(f"{at}/tokens", {"name": "x", "role": "viewer"})).json["id"]
    offer = {"email": "a@example.com", "role": "viewer"}
    invitation = (await red.post(f"{at}/invitations", offer)).json["id"]
    asked = {"namespace": "default", "extra": {"cpu": "1"}, "reason": "x", "days": 1}
    request = (await red.post(f"{at}/quota/requests", asked)).json["id"]
    await red.post(f"{at}/serviceaccounts", {"name": "ci", "role": "viewer"})
    await red.post(f"{at}/namespaces/default/functions", {"name": "theirs", "spec": SPEC})
    before = await seen_by(red, "red")
    for method, path in (
        ("DELETE", f"tokens/{token}"),
        ("POST", f"tokens/{token}/rotate"),
        ("DELETE", f"invitations/{invitation}"),
        ("DELETE", f"quota/requests/{request}"),
        ("DELETE", "serviceaccounts/ci"),
        ("GET", "namespaces/default/functions/theirs"),
        ("DELETE", "namespaces/default/functions/theirs"),
    ):
        body = {} if method == "POST" else None
        reply = await owner.ask(method, f"/v1/tenants/blue/{path}", json=body)
        reply.problem(404, "not-found")
    assert await seen_by(red, "red") == before


async def test_b21_headers_that_say_who_one_is_are_nobody_s(world: World, owner: Client) -> None:
    me = (await owner.get("/v1/me")).json
    assert (await owner.get("/v1/me", headers=FORGED)).json == me
    made = await owner.ask("POST", FUNCTIONS, json={"name": "x", "spec": SPEC}, headers=FORGED)
    assert made.status == 201
    assert {subject.username for subject in world.cluster.subjects if subject} == {me["username"]}
    forged = FORGED | {"Authorization": ""}
    assert (await owner.get("/v1/tenants", headers=forged)).status == 401


@pytest.mark.parametrize("name", ["kube-system", "default", "funkhaus-system", "blue--default"])
async def test_b16_a_system_s_or_a_neighbour_s_namespace_can_not_be_claimed(
    world: World, admin: Client, name: str
) -> None:
    """A namespace of the cluster is `<tenant>--<name>`: neither part can make it another's."""
    red = admin.holding(await world.token("red", Role.OWNER))
    before = list(world.cluster.writes)
    reply = await red.post("/v1/tenants/red/namespaces", {"name": name})
    if reply.status == 201:
        assert reply.json["clusterName"] == f"red--{name}"
    else:
        assert reply.status in {409, 422}
    reply = await admin.post("/v1/tenants", {"id": name, "plan": "small"})
    if reply.status != 201:
        reply.problem(422, "invalid")
    await world.services().outbox.deliver()
    assert not [item for item in world.cluster.writes[len(before) :] if item[2] == name]


async def test_b19_the_same_account_name_elsewhere_is_somebody_else(
    any_world: World, house: Client, blue: Client
) -> None:
    red = house.holding(await any_world.token("red", Role.OWNER))
    ids = set()
    for owner, tenant in ((blue, "blue"), (red, "red")):
        at = f"/v1/tenants/{tenant}"
        body = {"name": "ci", "role": "developer"}
        assert (await owner.post(f"{at}/serviceaccounts", body)).status == 201
        made = await owner.post(f"{at}/tokens", {"name": "x", "serviceAccount": "ci"})
        ci = house.holding(made.json["token"])
        ids.add((await ci.get("/v1/me")).json["username"])
        other = {"blue": "red", "red": "blue"}[tenant]
        (await ci.get(f"/v1/tenants/{other}")).problem(404, "not-found")
    assert len(ids) == 2


def jwt(header: dict[str, Any], signature: str = "x") -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part(header)}.{part({'sub': 'fh:1', 'aud': 'funkhaus'})}.{signature}"


@pytest.mark.parametrize(
    "token",
    [jwt({"alg": "none"}, ""), jwt({"alg": "HS256"}), jwt({"alg": "RS256", "typ": "at+jwt"})],
)
async def test_b63_b64_no_jwt_is_a_key_here_whatever_it_says(
    world: World, nobody: Client, token: str
) -> None:
    world.memory.broken = UnavailableError()  # and none is looked up
    (await nobody.holding(token).get("/v1/me")).problem(401, "unauthenticated")


async def test_b69_of_two_rotations_at_once_one_text_is_left(house: Client, blue: Client) -> None:
    """There are no refresh tokens; what is exchanged for another text of itself is a token."""
    replies = await asyncio.gather(
        *(blue.post("/v1/me/token/rotate", {}) for _ in range(2)), return_exceptions=False
    )
    texts = [reply.json["token"] for reply in replies if reply.status == 200]
    assert texts
    opened = [(await house.holding(text).get("/v1/me")).status for text in texts]
    assert opened.count(200) == 1
    (await blue.get("/v1/me")).problem(401, "unauthenticated")


class Noting:
    """An object whose methods note that a request calls them; what works beside the requests bears no request's id."""

    def __init__(self, of: Any, seen: list[str]) -> None:
        self._of, self._seen = of, seen

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._of, name)
        if name == "lookups":
            return Noting(found, self._seen)
        if "request_id" in structlog.contextvars.get_contextvars():
            self._seen.append(name)
        return found


async def test_b72_a_text_that_opens_nothing_costs_the_same_whatever_is_known_of_it(
    any_world: World,
) -> None:
    """Work is counted, not time: one look-up by the keyed digest, for a guess as for what was once a token."""
    expired = await any_world.token("blue", Role.OWNER, days=-1)
    revoked = await any_world.token("blue", Role.OWNER, revoked=True)
    owner, session = await any_world.token("blue", Role.OWNER), await any_world.session("ada")
    seen: list[str] = []
    services = replace(any_world, stores=cast("Stores", Noting(any_world.stores, seen))).services()
    async with serving(services) as house:
        body = {"name": "x", "role": "owner", "cidrs": ["192.0.2.0/24"]}
        made = await house.holding(owner).post("/v1/tenants/blue/tokens", body)
        assert (await house.holding(session).delete("/v1/me/session")).status == 204

        async def cost(text: str) -> list[str]:
            seen.clear()
            (await house.holding(text).get("/v1/me")).problem(401, "unauthenticated")
            return list(seen)

        guess = await cost(compose(TokenKind.USER, b"\1" * 20))
        assert guess == ["bearer"]
        for text in (expired, revoked, made.json["token"]):
            assert await cost(text) == guess
        assert await cost(session) == await cost(compose(TokenKind.SESSION, b"\1" * 20))
        for malformed in (session[:-1], "fh_usr_x", "x"):
            assert await cost(malformed) == []


async def test_b82_metrics_name_no_tenant_and_do_not_grow_with_what_is_asked(
    owner: Client,
) -> None:
    async def series() -> set[str]:
        lines = (await owner.get("/metrics")).body.decode().splitlines()
        return {line.rpartition(" ")[0] for line in lines if not line.startswith("#")}

    async def wander(word: str) -> None:
        for path in (f"/v1/tenants/{word}", f"/{word}", f"{FUNCTIONS}/{word}", f"/problems/{word}"):
            for method in ("GET", "PUT", "DELETE"):
                await owner.ask(method, path)
            await owner.ask("PROPFIND", path)

    await wander("first")
    await series()
    before = await series()
    for number in range(10):
        await wander(f"w{'abcdefghij'[number]}")
    assert await series() == before
    assert not [line for line in before if "blue" in line or "first" in line]


async def test_b74_numbers_and_lists_are_of_one_s_own(
    any_world: World, house: Client, blue: Client
) -> None:
    """What a neighbour has makes no list longer and no number larger."""
    red = house.holding(await any_world.token("red", Role.OWNER))
    before = await seen_by(red, "red")
    for path, body in (
        ("/namespaces", {"name": "shop"}),
        ("/tokens", {"name": "x", "role": "viewer"}),
        ("/invitations", {"email": "a@example.com", "role": "viewer"}),
        ("/serviceaccounts", {"name": "ci", "role": "viewer"}),
    ):
        assert (await blue.post(f"/v1/tenants/blue{path}", body)).status == 201
    assert await seen_by(red, "red") == before
