"""Whatever is wrong with a request has one answer, a problem document that says what would pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.errors import InvalidError, PolicyError, TimedOutError, UnavailableError
from funkhaus.domain.subject import Role
from funkhaus.domain.token import TokenKind, compose
from funkhaus.domain.verdict import Finding
from funkhaus_api.keys import Limits
from tests.support.api import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.api import Client, Reply, World

FUNCTIONS = "/v1/tenants/blue/namespaces/default/functions"
SPEC = {
    "runtime": "python3.11",
    "handler": "hello.handler",
    "source": {"inline": {"files": {"hello.py": "x"}}},
}
JSON = {"Content-Type": "application/json"}


def expect_unauthenticated(reply: Reply, *words: str) -> None:
    problem = reply.problem(401, "unauthenticated")
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    for word in words:
        assert word in problem["detail"]


@pytest.mark.parametrize(
    "token",
    ["nonsense", "fh_usr_" + "0" * 33, "fh_adm_" + "A" * 33, "Bearer x", "x" * 4000, "fh_usr_ü"],
)
async def test_b72_a_mangled_token_reaches_no_database(
    world: World, nobody: Client, token: str
) -> None:
    world.memory.broken = UnavailableError()
    reply = await nobody.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
    expect_unauthenticated(reply, "not a Funkhaus token")


async def test_no_token_another_scheme_and_an_unknown_one(nobody: Client) -> None:
    expect_unauthenticated(await nobody.get("/v1/me"), "no credential")
    basic = {"Authorization": "Basic YTpi"}
    expect_unauthenticated(await nobody.get("/v1/me", headers=basic), "only Bearer")
    stranger = compose(TokenKind.USER, b"\1" * 20)
    expect_unauthenticated(await nobody.holding(stranger).get("/v1/me"), "not known")


async def test_one_changed_character(world: World, nobody: Client) -> None:
    token = await world.token("blue", Role.OWNER)
    for position in range(7, len(token)):
        changed = (
            token[:position] + ("0" if token[position] != "0" else "1") + token[position + 1 :]
        )
        expect_unauthenticated(await nobody.holding(changed).get("/v1/me"))


async def test_expired_and_revoked(world: World, nobody: Client) -> None:
    expired = await world.token("blue", Role.OWNER, days=1)
    assert (await nobody.holding(expired).get("/v1/me")).status == 200
    world.clock.pass_seconds(86400)
    expect_unauthenticated(await nobody.holding(expired).get("/v1/me"), "expired on 2026-01-02")
    revoked = await world.token("blue", Role.OWNER, revoked=True)
    expect_unauthenticated(await nobody.holding(revoked).get("/v1/me"), "was revoked")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{", "line 1, column 2"),
        ('{"name": "x",\n nope}', "line 2, column 2"),
        ("nonsense", "line 1, column 1"),
        ("[]", "not a list"),
        ("3", "not a number"),
        ("", "no body"),
        ('{"name": "x", "name": "y"}', "'name' appears twice"),
        ('{"name": NaN}', "NaN is not JSON"),
        (b"\xff\xfe", "UTF-8 at byte 0"),
        ("[" * 100_000, "nested too deeply"),
        (r'{"name": "a\u0000b"}', "half a character"),
        (r'{"na\udc00me": 1}', "half a character"),
    ],
)
async def test_json_that_is_not(owner: Client, body: str | bytes, words: str) -> None:
    reply = await owner.ask("POST", FUNCTIONS, data=body, headers=JSON)
    assert words in reply.problem(400, "malformed")["detail"]


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        ({"name": 3, "spec": {}}, "field-type", "name"),
        ({"spec": {}}, "field-missing", "name"),
        ({"name": "x", "sepc": {}, "spec": {}}, "field-unknown", "sepc"),
        ({"name": "x", "spec": []}, "field-type", "spec"),
        ({"name": "", "spec": {}}, "field-value", "name"),
        ({"name": "x", "spec": {}, "labels": {"a": 1}}, "field-type", "labels.a"),
    ],
)
async def test_fields_are_refused_by_path(
    owner: Client, body: dict[str, object], code: str, path: str
) -> None:
    problem = (await owner.post(FUNCTIONS, body)).problem(422, "invalid")
    assert (code, path) in {(item["code"], item["path"]) for item in problem["findings"]}


@pytest.mark.parametrize(
    ("query", "name"),
    [("dryrun=true", "dryrun"), ("dryRun=yes", "dryRun"), ("limit=1", "limit")],
)
async def test_a_query_parameter_that_does_nothing_is_no_silent_default(
    world: World, owner: Client, query: str, name: str
) -> None:
    reply = await owner.post(f"{FUNCTIONS}?{query}", {"name": "hello", "spec": SPEC})
    assert reply.problem(422, "invalid")["findings"][0]["path"] == name
    assert not world.cluster.writes[2:] or "Function" not in str(world.cluster.writes)


@pytest.mark.parametrize("limit", ["0", "501", "-1", "x", "1" * 30, "\u0663"])
async def test_limits_of_a_page(owner: Client, limit: str) -> None:
    problem = (await owner.get(FUNCTIONS, params={"limit": limit})).problem(422, "invalid")
    assert problem["findings"][0]["limit"] == 500


@pytest.mark.parametrize(
    "path", ["/v1/nothing", "/v1/tenants/blue/namespaces/default/functions/a/b"]
)
async def test_unknown_paths_and_methods(nobody: Client, owner: Client, path: str) -> None:
    (await owner.get(path)).problem(404, "not-found")
    (await nobody.get(path)).problem(401, "unauthenticated")
    refused = await owner.ask("PATCH", "/v1/me")
    refused.problem(405, "method-not-allowed")
    assert refused.headers["Allow"] == "GET, HEAD, OPTIONS"


async def test_a_body_over_the_limit_is_not_read(world: World) -> None:
    async with serving(world.services(), Limits(body=1000, seconds=5)) as nobody:
        owner = nobody.holding(await world.token("blue", Role.OWNER))
        body = b'{"name": "' + b"x" * 5000 + b'"}'
        told = await owner.ask("POST", FUNCTIONS, data=body, headers=JSON)
        assert "1000 bytes" in told.problem(413, "too-large")["detail"]

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(50):
                yield b"x" * 100

        untold = await owner.ask("POST", FUNCTIONS, data=pieces(), headers=JSON)
        untold.problem(413, "too-large")
        archives = "/v1/tenants/blue/namespaces/default/archives"
        (await owner.ask("POST", archives, data=body)).problem(413, "too-large")


async def test_b74_another_tenants_namespace_is_like_none_at_all(owner: Client) -> None:
    """The same answer to the letter, but for the name that was asked for."""
    paths = (
        "", "/tokens", "/namespaces", "/namespaces/default", "/namespaces/default/functions",
        "/namespaces/default/functions/x", "/namespaces/default/httptriggers", "/namespaces/default/functions/x/logs",
        "/namespaces/default/functions/x/description", "/namespaces/default/functions/x/call",
    )  # fmt: skip
    for path in paths:
        said = []
        for tenant in ("red", "nix"):
            problem = (await owner.get(f"/v1/tenants/{tenant}{path}")).problem(404, "not-found")
            problem.pop("requestId")
            said.append(str(problem).replace(tenant, "…"))
        assert said[0] == said[1]


async def test_another_tenants_things_can_not_be_written_either(owner: Client) -> None:
    for tenant in ("red", "nix"):
        at = f"/v1/tenants/{tenant}"
        (await owner.post(f"{at}/namespaces", {"name": "x"})).problem(404, "not-found")
        (await owner.post(f"{at}/tokens", {"name": "x", "role": "owner"})).problem(404, "not-found")
        functions = f"{at}/namespaces/default/functions"
        (await owner.post(functions, {"name": "x", "spec": SPEC})).problem(404, "not-found")
        (await owner.delete(f"{functions}/x")).problem(404, "not-found")


async def test_what_admission_says_comes_through_word_for_word(world: World, owner: Client) -> None:
    finding = Finding(
        "cpu-above-ceiling", "3 is above the ceiling of 1", "spec.resources.cpu",
        limit="1", value="3", passes="1",
    )  # fmt: skip

    def refuse(_: object) -> None:
        raise PolicyError(finding.sentence, findings=[finding])

    world.cluster.admission = refuse
    problem = (await owner.post(FUNCTIONS, {"name": "hello", "spec": SPEC})).problem(
        403, "policy-denied"
    )
    assert problem["findings"] == [finding.as_json()]
    assert problem["detail"] == "spec.resources.cpu: 3 is above the ceiling of 1"


async def test_what_the_schema_says_comes_through(world: World, owner: Client) -> None:
    finding = Finding("field-unknown", "there is no such field", "spec.sauce")
    world.cluster.failure = lambda verb, *_: InvalidError.at(finding) if verb == "apply" else None
    problem = (await owner.post(FUNCTIONS, {"name": "hello", "spec": SPEC})).problem(422, "invalid")
    assert problem["findings"] == [finding.as_json()]


async def test_what_is_down_is_said_to_be_down(world: World, owner: Client) -> None:
    world.cluster.failure = lambda *_: TimedOutError("kube-apiserver did not answer within 10 s")
    slow = await owner.get(FUNCTIONS)
    slow.problem(504, "timed-out")
    assert int(slow.headers["Retry-After"]) > 0
    world.memory.broken = UnavailableError("the database can't be reached")
    (await owner.get(FUNCTIONS)).problem(503, "unavailable")
    (await owner.get("/readyz")).problem(503, "unavailable")
    assert (await owner.get("/healthz")).status == 200


async def test_a_bug_shows_its_request_id_and_nothing_else(world: World, owner: Client) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret of the house")

    world.cluster.failure = broken
    problem = (await owner.get(FUNCTIONS)).problem(500, "internal")
    assert "secret" not in str(problem)
    assert problem["requestId"] in problem["detail"]
