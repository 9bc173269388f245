"""What every path does alike: preconditions, rates, methods and types."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web

from funkhaus.domain.subject import Role
from funkhaus_api import middlewares
from funkhaus_api.addresses import Proxies
from funkhaus_api.keys import Limits
from funkhaus_api.places import answer
from funkhaus_api.preconditions import conditional, guarded
from funkhaus_api.rates import Buckets
from tests.support.api import serving

if TYPE_CHECKING:
    from tests.support.api import Client, World

FUNCTIONS = "/v1/tenants/blue/namespaces/default/functions"
SPEC = {"runtime": "python3.11", "handler": "a.a"}


@pytest.fixture
async def hello(owner: Client) -> str:
    """The ETag of a function."""
    assert (await owner.post(FUNCTIONS, {"name": "hello", "spec": SPEC})).status == 201
    return (await owner.get(f"{FUNCTIONS}/hello")).headers["ETag"]


async def test_what_is_known_is_not_sent_again(owner: Client, hello: str) -> None:
    assert hello.startswith('"')
    for known in (hello, f'"other", {hello}', f"W/{hello}", "*"):
        reply = await owner.get(f"{FUNCTIONS}/hello", headers={"If-None-Match": known})
        assert (reply.status, reply.body) == (304, b"")
        assert reply.headers["ETag"] == hello
    other = await owner.get(f"{FUNCTIONS}/hello", headers={"If-None-Match": '"other"'})
    assert other.status == 200
    wrong = await owner.get(f"{FUNCTIONS}/hello", headers={"If-None-Match": "other"})
    assert wrong.problem(400, "malformed")["findings"][0]["path"] == "If-None-Match"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_write_of_an_old_state_is_refused(
    world: World, owner: Client, hello: str, method: str
) -> None:
    body = None if method == "DELETE" else {"spec": {**SPEC, "timeout": 7}}
    changed = await owner.patch(
        f"{FUNCTIONS}/hello", {"spec": {"timeout": 5}}, headers={"If-Match": hello}
    )
    assert changed.status == 200
    writes = len(world.cluster.writes)
    for wrong in (hello, f"W/{hello}", '"x"'):
        reply = await owner.ask(
            method, f"{FUNCTIONS}/hello", json=body, headers={"If-Match": wrong}
        )
        assert reply.problem(412, "precondition-failed")["findings"][0]["path"] == "If-Match"
    assert len(world.cluster.writes) == writes
    now = (await owner.get(f"{FUNCTIONS}/hello")).headers["ETag"]
    reply = await owner.ask(method, f"{FUNCTIONS}/hello", json=body, headers={"If-Match": now})
    assert reply.status in {200, 204}


@pytest.mark.usefixtures("hello")
async def test_if_match_of_what_is_not_there(owner: Client, viewer: Client) -> None:
    anything = {"If-Match": "*"}
    (await owner.put(f"{FUNCTIONS}/none", {"spec": SPEC}, headers=anything)).problem(
        412, "precondition-failed"
    )
    assert (await owner.put(f"{FUNCTIONS}/hello", {"spec": SPEC}, headers=anything)).status == 200
    (await viewer.delete(f"{FUNCTIONS}/hello", headers=anything)).problem(403, "forbidden")


async def test_a_write_that_needs_if_match(owner: Client) -> None:
    """A small application with the same middlewares, whose PUT is marked and read by another path's GET."""
    state = {"limit": 1}

    async def show(_: web.Request) -> web.Response:
        return answer(state)

    @guarded(required=True, by=show)
    async def change(_: web.Request) -> web.Response:
        state["limit"] += 1
        return answer(state)

    around = [middlewares.identified, middlewares.explained, conditional({"/quota": show}, ())]
    app = web.Application(middlewares=around)
    app.add_routes([web.get("/quota", show), web.put("/share", change)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"

    async def put(**headers: str) -> tuple[int, str]:
        async with owner.session.put(f"{url}/share", headers=headers) as reply:
            return reply.status, str((await reply.json()).get("code"))

    async with owner.session.get(f"{url}/quota") as reply:
        etag = reply.headers["ETag"]
    assert await put() == (428, "precondition-required")
    assert await put(**{"If-Match": '"old"'}) == (412, "precondition-failed")
    assert state == {"limit": 1}
    assert (await put(**{"If-Match": etag}))[0] == 200
    assert await put(**{"If-Match": etag}) == (412, "precondition-failed")
    assert (await put(**{"If-Match": "*"}))[0] == 200
    assert state == {"limit": 3}
    await runner.cleanup()


async def test_a_subject_may_ask_so_often(world: World) -> None:
    async with serving(world.services(), Limits(1000, 5, requests=3)) as nobody:
        ada = nobody.holding(await world.token("blue", Role.OWNER))
        bob = nobody.holding(await world.token("blue", Role.OWNER))
        first = await ada.get("/v1/me")
        assert first.headers["RateLimit-Policy"] == '"subject";q=3;w=60'
        assert first.headers["RateLimit"] == '"subject";r=2;t=20'
        assert [(await ada.get("/v1/me")).status for _ in range(3)] == [200, 200, 429]
        refused = await ada.get("/v1/me")
        refused.problem(429, "too-many")
        assert refused.headers["Retry-After"] == "20"
        assert (await bob.get("/v1/me")).status == 200
        world.clock.pass_seconds(20)
        assert [(await ada.get("/v1/me")).status for _ in range(2)] == [200, 429]


async def test_an_address_may_fail_so_often(world: World) -> None:
    async with serving(world.services(), Limits(1000, 5, failures=2)) as nobody:
        good = nobody.holding(await world.token("blue", Role.OWNER))
        for _ in range(5):
            (await nobody.get("/v1/me")).problem(401, "unauthenticated")  # nothing was tried
        for _ in range(2):
            (await nobody.holding("wrong").get("/v1/me")).problem(401, "unauthenticated")
        (await nobody.holding("wrong").get("/v1/me")).problem(429, "too-many")
        (await good.get("/v1/me")).problem(429, "too-many")
        world.clock.pass_seconds(30)
        assert (await good.get("/v1/me")).status == 200


async def test_behind_a_proxy_one_address_fails_for_itself_alone(world: World) -> None:
    behind = Proxies.parse("127.0.0.0/8")
    async with serving(world.services(), Limits(1000, 5, failures=2), behind) as nobody:
        good, wrong = (
            nobody.holding(await world.token("blue", Role.OWNER)),
            nobody.holding("wrong"),
        )

        async def status(client: Client, address: str) -> int:
            return (await client.get("/v1/me", headers={"X-Forwarded-For": address})).status

        assert [await status(wrong, "192.0.2.7") for _ in range(3)] == [401, 401, 429]
        assert await status(good, "192.0.2.7") == 429
        assert await status(good, "192.0.2.8") == 200
        # Of IPv6 a home is a /64: another address of it is no other attacker.
        homes = ["2001:db8::1", "2001:db8::2:0:0:1", "2001:db8::3"]
        assert [await status(wrong, address) for address in homes] == [401, 401, 429]
        assert await status(good, "2001:db8:0:1::1") == 200


async def test_an_address_nobody_trusted_told_is_not_believed(world: World) -> None:
    async with serving(world.services(), Limits(1000, 5, failures=2)) as nobody:
        statuses = [
            (
                await nobody.holding("wrong").get(
                    "/v1/me", headers={"X-Forwarded-For": f"192.0.2.{last}"}
                )
            ).status
            for last in range(3)
        ]
    assert statuses == [401, 401, 429]


def test_buckets_are_bounded_in_number() -> None:
    buckets = Buckets(2, most=3)
    for name in "abcdef":
        assert buckets.take(name, 0.0)
    assert len(buckets) == 3
    assert buckets.left("f", 0.0) == 1
    assert buckets.left("f", 60.0) == 2


async def test_head_options_and_other_methods(nobody: Client, owner: Client, hello: str) -> None:
    head = await owner.ask("HEAD", f"{FUNCTIONS}/hello")
    assert (head.status, head.body, head.headers["ETag"]) == (200, b"", hello)
    assert (await nobody.ask("HEAD", f"{FUNCTIONS}/hello")).status == 401
    options = await owner.ask("OPTIONS", f"{FUNCTIONS}/hello")
    assert (options.status, options.headers["Allow"]) == (
        204,
        "DELETE, GET, HEAD, OPTIONS, PATCH, PUT",
    )
    assert (await owner.post(f"{FUNCTIONS}/hello", {})).headers["Allow"] == options.headers["Allow"]


async def test_bodies_and_answers_have_a_type(world: World, owner: Client) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = await owner.ask("POST", FUNCTIONS, data=b"{}", headers=form)
    assert "application/json" in reply.problem(415, "unsupported-media-type")["detail"]
    for accept in ("text/html", "application/xml;q=1, image/*", "application/json;q=0"):
        reply = await owner.post(FUNCTIONS, {"name": "a", "spec": SPEC}, headers={"Accept": accept})
        reply.problem(406, "not-acceptable")
    assert not [write for write in world.cluster.writes if write[1] == "Function"]
    for accept in (
        "*/*",
        "text/html, application/*;q=0.1",
        "application/problem+json",
        "Application/JSON",
    ):
        assert (await owner.get(FUNCTIONS, headers={"Accept": accept})).status == 200


async def test_b65_headers_and_addresses_over_the_limit(owner: Client) -> None:
    """What the HTTP parser refuses never gets as far as a problem document: it is a 400 in plain text."""

    async def status(path: str, headers: dict[str, str]) -> int:
        async with owner.session.get(f"{owner.url}{path}", headers=headers) as answer:
            return answer.status

    assert await status("/v1/me", {"X-Long": "x" * 9000}) == 400
    assert await status("/v1/" + "x" * 9000, {}) == 400
    many = {f"X-{number}": "x" * 100 for number in range(2000)}
    with contextlib.suppress(ConnectionError, aiohttp.ClientError):  # or it hangs up meanwhile
        assert await status("/v1/me", many) == 400
    assert (await owner.get("/v1/me")).status == 200


async def test_a_body_that_never_comes_ends_with_the_request(world: World) -> None:
    async with serving(world.services(), Limits(1000, 0.5)) as nobody:
        token = await world.token("blue", Role.OWNER)
        host, port = nobody.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"POST {FUNCTIONS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 99\r\n\r\n{{"
        writer.write(head.encode())
        async with asyncio.timeout(5):
            status = await reader.readline()
        assert b" 504 " in status
        writer.close()
