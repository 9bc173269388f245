"""Signing in through the API, where what is held back or said twice must not help (B-67, B-68); on both kinds of stores."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from funkhaus.domain.errors import UnavailableError
from funkhaus.domain.login import new_user_code
from funkhaus.domain.user import Identity
from funkhaus_api.addresses import Proxies
from tests.support.api import PUBLIC_URL, Client, Reply, World, serving
from tests.support.providers import ISSUER, MemoryProviders

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ADA = Identity(ISSUER, "ada", "ada@example.com", "Ada <b>", ("ops",))
MALLORY = Identity(ISSUER, "mallory", "mallory@example.com", "Mallory")
LOOPBACK = "http://127.0.0.1:49152/callback"


@pytest.fixture
async def client(any_world: World) -> AsyncIterator[Client]:
    async with serving(any_world.services()) as nobody:
        yield nobody


@pytest.fixture
def idp(any_world: World) -> MemoryProviders:
    assert isinstance(any_world.providers, MemoryProviders)
    return any_world.providers


def challenge_of(verifier: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


@dataclass
class Program:
    """What begins a sign-in and waits on loopback."""

    client: Client
    verifier: str
    url: str = ""

    @classmethod
    async def begin(cls, client: Client) -> Program:
        program = cls(client, secrets.token_urlsafe(48))
        reply = await client.post("/v1/logins", program.body())
        assert reply.status == 201, reply.body
        program.url = reply.json["authorizationUrl"]
        return program

    def body(self, **more: Any) -> dict[str, Any]:
        return {
            "redirectUri": LOOPBACK,
            "codeChallenge": challenge_of(self.verifier),
            "codeChallengeMethod": "S256",
            "state": "the program's",
        } | more

    async def redeem(self, code: str, **more: Any) -> Reply:
        body = {"code": code, "codeVerifier": self.verifier, "redirectUri": LOOPBACK} | more
        return await self.client.post("/v1/sessions", body)


async def back(client: Client, answer: dict[str, str]) -> Reply:
    return await client.get("/v1/logins/callback", params=answer, allow_redirects=False)


async def code_of(client: Client, idp: MemoryProviders, program: Program) -> str:
    reply = await back(client, idp.sign_in(program.url, ADA))
    assert reply.status == 303, reply.body
    assert reply.headers["Location"].startswith(f"{LOOPBACK}?")
    query = dict(parse_qsl(urlsplit(reply.headers["Location"]).query))
    assert (query["state"], query["iss"]) == ("the program's", PUBLIC_URL)
    return query["code"]


async def test_a_program_signs_somebody_in(client: Client, idp: MemoryProviders) -> None:
    program = await Program.begin(client)
    reply = await program.redeem(await code_of(client, idp, program))
    assert reply.status == 201
    assert reply.json["user"]["email"] == "ada@example.com"
    ada = client.holding(reply.json["token"])
    assert (await ada.get("/v1/me")).json["name"] == "Ada <b>"
    assert (await ada.delete("/v1/me/session")).status == 204
    (await ada.get("/v1/me")).problem(401, "unauthenticated")


async def test_the_same_person_is_the_same_user(client: Client, idp: MemoryProviders) -> None:
    users = set()
    for _ in range(2):
        program = await Program.begin(client)
        users.add((await program.redeem(await code_of(client, idp, program))).json["user"]["id"])
    assert len(users) == 1


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"codeChallengeMethod": "plain"}, "codeChallengeMethod"),
        ({"codeChallengeMethod": None}, "codeChallengeMethod"),
        ({"codeChallenge": ""}, "codeChallenge"),
        ({"codeChallenge": "x" * 42}, "codeChallenge"),
        ({"state": ""}, "state"),
        ({"state": "a\r\nb"}, "state"),
        ({"provider": "other"}, "provider"),
        *(
            ({"redirectUri": uri}, "redirectUri")
            for uri in (
                "https://evil.example/callback",
                "http://127.0.0.1.evil.example:80/callback",
                "http://127.0.0.1:80@evil.example/callback",
                "http://evil.example#@127.0.0.1:80/callback",
                "http://127.0.0.1/callback",
                "http://127.0.0.1:0/callback",
                "http://127.0.0.1:99999/callback",
                "http://localhost:80/callback",
                "http://127.0.0.1:80/callback/../x",
                "http://127.0.0.1:80/callback?x=1",
                "http://127.0.0.1:80/callback?",
                "http://127.0.0.1:80/callback#",
                "http://127.0.0.1:80/callback\r\nX: y",
                "http://2130706433:80/callback",
                "javascript://127.0.0.1:80/callback",
                "",
            )
        ),
    ],
)
async def test_b67_a_sign_in_that_can_not_begin(
    client: Client, change: dict[str, Any], path: str
) -> None:
    body = Program(client, "v" * 43).body(**change)
    problem = (await client.post("/v1/logins", body)).problem(422, "invalid")
    assert [item["path"] for item in problem["findings"]] == [path]
    without = {name: value for name, value in body.items() if name != "codeChallenge"}
    (await client.post("/v1/logins", without)).problem(422, "invalid")


@pytest.mark.parametrize(
    "change",
    [
        {"codeVerifier": ""},
        {"codeVerifier": "x" * 64},
        {"codeVerifier": "short"},
        {"redirectUri": "http://127.0.0.1:49153/callback"},
        {"redirectUri": ""},
    ],
)
async def test_b67_a_stolen_code_opens_nothing_and_is_burnt(
    client: Client, idp: MemoryProviders, change: dict[str, str]
) -> None:
    program = await Program.begin(client)
    code = await code_of(client, idp, program)
    (await program.redeem(code, **change)).problem(401, "unauthenticated")
    (await program.redeem(code)).problem(401, "unauthenticated")


async def test_b67_the_challenge_is_no_verifier(client: Client, idp: MemoryProviders) -> None:
    program = await Program.begin(client)
    code = await code_of(client, idp, program)
    reply = await program.redeem(code, codeVerifier=challenge_of(program.verifier))
    reply.problem(401, "unauthenticated")


async def test_b67_a_code_of_one_sign_in_and_the_verifier_of_another(
    client: Client, idp: MemoryProviders
) -> None:
    mine, theirs = await Program.begin(client), await Program.begin(client)
    code = await code_of(client, idp, theirs)
    (await mine.redeem(code)).problem(401, "unauthenticated")


async def test_b67_a_code_that_comes_twice_ends_its_session(
    client: Client, idp: MemoryProviders
) -> None:
    program = await Program.begin(client)
    code = await code_of(client, idp, program)
    token = (await program.redeem(code)).json["token"]
    problem = (await program.redeem(code)).problem(401, "unauthenticated")
    assert "used before" in problem["detail"]
    (await client.holding(token).get("/v1/me")).problem(401, "unauthenticated")


async def test_of_many_at_once_one_gets_a_session_and_keeps_none(
    client: Client, idp: MemoryProviders
) -> None:
    program = await Program.begin(client)
    code = await code_of(client, idp, program)
    replies = await asyncio.gather(*(program.redeem(code) for _ in range(5)))
    assert sorted(reply.status for reply in replies) == [201, 401, 401, 401, 401]


async def test_a_code_waits_a_minute(
    any_world: World, client: Client, idp: MemoryProviders
) -> None:
    program = await Program.begin(client)
    code = await code_of(client, idp, program)
    any_world.clock.pass_seconds(60)
    (await program.redeem(code)).problem(401, "unauthenticated")


async def test_a_providers_answer_counts_once(client: Client, idp: MemoryProviders) -> None:
    program = await Program.begin(client)
    answer = idp.sign_in(program.url, ADA)
    assert (await back(client, answer)).status == 303
    again = await back(client, idp.sign_in(program.url, MALLORY))
    assert (again.status, "over or was never begun" in again.body.decode()) == (400, True)


@pytest.mark.parametrize(
    "change",
    [
        {"state": "made up"},
        {"state": ""},
        {"code": "made up"},
        {"iss": "https://evil.example"},
        {"iss": None},
    ],
)
async def test_an_answer_that_does_not_fit(
    client: Client, idp: MemoryProviders, change: dict[str, str | None]
) -> None:
    program = await Program.begin(client)
    answer = idp.sign_in(program.url, ADA) | change
    given = {name: value for name, value in answer.items() if value is not None}
    reply = await back(client, given)
    assert reply.status == 400
    assert "Location" not in reply.headers
    assert reply.headers["Content-Type"].startswith("text/html")


async def test_a_code_of_another_sign_in_at_the_provider(
    client: Client, idp: MemoryProviders
) -> None:
    """An attacker's code behind a victim's state: nonce and verifier are the victim's and don't fit."""
    attackers, victims = await Program.begin(client), await Program.begin(client)
    stolen = idp.sign_in(attackers.url, MALLORY)["code"]
    state = dict(parse_qsl(urlsplit(victims.url).query))["state"]
    assert (await back(client, {"code": stolen, "state": state, "iss": ISSUER})).status == 400


async def test_an_answer_comes_too_late(
    any_world: World, client: Client, idp: MemoryProviders
) -> None:
    program = await Program.begin(client)
    any_world.clock.pass_seconds(600)
    assert (await back(client, idp.sign_in(program.url, ADA))).status == 400


async def test_something_named_twice(client: Client) -> None:
    reply = await client.get("/v1/logins/callback?state=a&state=b&code=c")
    assert reply.status == 400


async def test_a_provider_that_fails_is_said(client: Client, idp: MemoryProviders) -> None:
    program = await Program.begin(client)
    answer = idp.sign_in(program.url, ADA)
    idp.broken = UnavailableError("the provider is down")
    reply = await back(client, answer)
    assert (reply.status, "the provider is down" in reply.body.decode()) == (503, True)
    (await client.post("/v1/logins", program.body())).problem(503, "unavailable")


# Devices


async def ask(client: Client, headers: dict[str, str] | None = None) -> dict[str, Any]:
    reply = await client.ask("POST", "/v1/device-logins", headers=headers or {})
    assert reply.status == 201
    document: dict[str, Any] = reply.json
    return document


async def type_code(client: Client, code: str, headers: dict[str, str] | None = None) -> Reply:
    return await client.ask(
        "POST",
        "/device",
        data={"code": code, "provider": "work"},
        allow_redirects=False,
        headers=headers or {},
    )


async def reach_question(
    client: Client, idp: MemoryProviders, code: str, who: Identity = ADA
) -> tuple[str, str]:
    """Type the code and sign in; the page that asks, and the secret in it."""
    sent = await type_code(client, code)
    assert sent.status == 303, sent.body
    page = (await back(client, idp.sign_in(sent.headers["Location"], who))).body.decode()
    found = re.search(r'name="code" value="([^"]+)"', page)
    assert found, page
    return page, unescape(found[1])


async def decide(client: Client, secret: str, decision: str = "allow") -> Reply:
    return await client.ask("POST", "/device/decision", data={"code": secret, "decision": decision})


async def poll(client: Client, device: dict[str, Any]) -> Reply:
    return await client.post("/v1/sessions", {"deviceCode": device["deviceCode"]})


async def test_a_device_is_let_in(any_world: World, client: Client, idp: MemoryProviders) -> None:
    device = await ask(client)
    assert device["verificationUri"] == f"{PUBLIC_URL}/device"
    (await poll(client, device)).problem(409, "pending")
    page, secret = await reach_question(client, idp, device["userCode"].lower().replace("-", " "))
    assert device["userCode"] in page
    assert "Ada &lt;b&gt;" in page  # a name is not markup
    any_world.clock.pass_seconds(5)
    (await poll(client, device)).problem(409, "pending")  # signed in is not yet "yes"
    assert (await decide(client, secret)).status == 200
    any_world.clock.pass_seconds(5)
    reply = await poll(client, device)
    assert (reply.status, reply.json["user"]["name"]) == (201, "Ada <b>")
    any_world.clock.pass_seconds(5)
    (await poll(client, device)).problem(401, "unauthenticated")  # once


async def test_no_is_no(any_world: World, client: Client, idp: MemoryProviders) -> None:
    device = await ask(client)
    _, secret = await reach_question(client, idp, device["userCode"])
    assert (await decide(client, secret, "deny")).status == 200
    assert (await decide(client, secret, "allow")).status == 400
    any_world.clock.pass_seconds(5)
    assert "refused" in (await poll(client, device)).problem(401, "unauthenticated")["detail"]


async def test_b68_the_question_is_answered_by_who_sees_it(
    client: Client, idp: MemoryProviders
) -> None:
    device = await ask(client)
    await reach_question(client, idp, device["userCode"])
    for guess in ("", device["userCode"], device["deviceCode"], secrets.token_urlsafe(32)):
        assert (await decide(client, guess)).status == 400
    (await poll(client, device)).problem(409, "pending")


async def test_b68_who_asks_too_often_waits_longer(
    any_world: World, client: Client, idp: MemoryProviders
) -> None:
    device = await ask(client)
    _, secret = await reach_question(client, idp, device["userCode"])
    await decide(client, secret)
    (await poll(client, device)).json  # noqa: B018 - the first is never too soon
    device = await ask(client)
    (await poll(client, device)).problem(409, "pending")
    any_world.clock.pass_seconds(1)
    assert "wait 10 s" in (await poll(client, device)).problem(429, "too-many")["detail"]
    any_world.clock.pass_seconds(6)
    assert "wait 15 s" in (await poll(client, device)).problem(429, "too-many")["detail"]
    any_world.clock.pass_seconds(15)
    (await poll(client, device)).problem(409, "pending")


async def test_b68_asking_too_soon_does_not_get_the_session(
    any_world: World, client: Client, idp: MemoryProviders
) -> None:
    device = await ask(client)
    (await poll(client, device)).problem(409, "pending")
    _, secret = await reach_question(client, idp, device["userCode"])
    await decide(client, secret)
    (await poll(client, device)).problem(429, "too-many")
    any_world.clock.pass_seconds(10)
    assert (await poll(client, device)).status == 201


async def test_b68_guessing_codes_ends_soon(client: Client, idp: MemoryProviders) -> None:
    device = await ask(client)
    statuses = [(await type_code(client, new_user_code())).status for _ in range(12)]
    assert statuses == [400] * 10 + [429] * 2
    assert (await type_code(client, device["userCode"])).status == 429
    guesses = [{"deviceCode": secrets.token_urlsafe(32)} for _ in range(5)]
    for guess in guesses:
        (await client.post("/v1/sessions", guess)).problem(401, "unauthenticated")
    assert not idp.broken


async def test_behind_a_proxy_the_caller_counts_and_is_shown(
    any_world: World, idp: MemoryProviders
) -> None:
    """One who guesses shuts out nobody else who comes through the same proxy."""
    async with serving(any_world.services(), proxies=Proxies.parse("127.0.0.0/8")) as client:
        device, one, other = (
            await ask(client, {"X-Forwarded-For": "192.0.2.9"}),
            {"X-Forwarded-For": "192.0.2.7"},
            {"X-Forwarded-For": "192.0.2.8"},
        )
        tries = [(await type_code(client, new_user_code(), one)).status for _ in range(11)]
        assert tries == [400] * 10 + [429]
        sent = await type_code(client, device["userCode"], other)
        assert sent.status == 303
        page = (await back(client, idp.sign_in(sent.headers["Location"], ADA))).body.decode()
        assert "192.0.2.9" in page


async def test_b68_codes_of_one_kind_open_nothing_of_another(
    client: Client, idp: MemoryProviders
) -> None:
    device = await ask(client)
    _, secret = await reach_question(client, idp, device["userCode"])
    program = await Program.begin(client)
    for code in (device["deviceCode"], device["userCode"], secret):
        (await program.redeem(code)).problem(401, "unauthenticated")
    code = await code_of(client, idp, program)
    assert (await decide(client, code)).status == 400
    (await client.post("/v1/sessions", {"deviceCode": code})).problem(401, "unauthenticated")


async def test_a_code_nobody_used_in_time(any_world: World, client: Client) -> None:
    device = await ask(client)
    any_world.clock.pass_seconds(600)
    assert (await type_code(client, device["userCode"])).status == 400
    (await poll(client, device)).problem(401, "unauthenticated")


async def test_pages_are_in_nobodys_frame_and_escape_what_they_show(client: Client) -> None:
    page = await client.get("/device", params={"code": '"><script>x'})
    assert b"<script" not in page.body
    assert page.headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("body", [{}, {"code": "a", "deviceCode": "b"}, {"code": ""}])
async def test_exactly_one_code(client: Client, body: dict[str, str]) -> None:
    (await client.post("/v1/sessions", body)).problem(422, "invalid")


async def test_an_api_token_is_no_session_to_end(any_world: World, client: Client) -> None:
    admin = client.holding(await any_world.token("", None))
    (await admin.delete("/v1/me/session")).problem(403, "forbidden")
