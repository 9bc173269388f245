"""What a token may and may not: scopes, namespaces, addresses, rotation, its own end. B-70 and B-72 of the bypass tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.errors import UnavailableError
from funkhaus.domain.subject import Role
from funkhaus.domain.token import TokenKind, compose
from funkhaus.ports.audit import AuditFilter
from funkhaus.services.refusals import QUIET
from funkhaus_api.addresses import Proxies
from tests.support.api import Client, World, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from funkhaus.ports.audit import AuditListed

TOKENS = "/v1/tenants/blue/tokens"
FUNCTIONS = "/v1/tenants/blue/namespaces/{}/functions"
REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview"}


@pytest.fixture
async def house(any_world: World) -> AsyncIterator[Client]:
    await any_world.tenant("green", "default")
    async with serving(any_world.services(), proxies=Proxies.parse("127.0.0.1/32")) as nobody:
        yield nobody


@pytest.fixture
async def blue(any_world: World, house: Client) -> Client:
    return house.holding(await any_world.token("blue", Role.OWNER))


async def issued(client: Client, **body: Any) -> dict[str, Any]:
    reply = await client.post(TOKENS, {"name": "x", "role": "owner"} | body)
    assert reply.status == 201, reply.body
    made: dict[str, Any] = reply.json
    return made


async def restricted(house: Client, blue: Client, **body: Any) -> Client:
    return house.holding((await issued(blue, **body))["token"])


async def test_a_tenant_has_as_many_tokens_as_its_plan(blue: Client) -> None:
    count = (await blue.get("/v1/tenants/blue/quota")).json["counts"]["tokens"]
    assert count == {"hard": 100, "used": 1, "left": 99}
    for _ in range(99):
        made = await issued(blue)
    (finding,) = (await blue.post(TOKENS, {"name": "x", "role": "owner"})).problem(
        403, "policy-denied"
    )["findings"]
    assert (finding["code"], finding["limit"], finding["value"]) == ("tokens-above-plan", 100, 101)
    assert (await blue.delete(f"{TOKENS}/{made['id']}")).status in {200, 204}
    await issued(blue)
    state = (await blue.get("/v1/tenants/blue/quota")).json
    assert state["counts"]["tokens"]["left"] == 0
    assert state["counts"]["namespaces"] == {"hard": 3, "used": 1, "left": 2}
    assert state["plan"] == "small"


async def test_billing_reads_how_large_and_not_what_runs(house: Client, blue: Client) -> None:
    made = await issued(blue, role="billing")
    bills = house.holding(made["token"])
    for path in ("quota", "members", "namespaces"):
        assert (await bills.get(f"/v1/tenants/blue/{path}")).status == 200
    functions = await bills.get("/v1/tenants/blue/namespaces/default/functions")
    functions.problem(403, "forbidden")
    more = {"namespace": "default", "extra": {"cpu": "1"}, "reason": "x", "days": 1}
    (await bills.post("/v1/tenants/blue/quota/requests", more)).problem(403, "forbidden")


async def test_scopes_take_from_the_role_and_add_nothing(house: Client, blue: Client) -> None:
    reader = await restricted(house, blue, scopes=["functions:read", "trigger:read"])
    assert (await reader.get(FUNCTIONS.format("default"))).status == 200
    problem = (await reader.post("/v1/tenants/blue/namespaces", {"name": "n"})).problem(
        403, "forbidden"
    )
    assert "namespace:create is not among this token's scopes" in problem["detail"]
    assert "trigger:read" in (await reader.get("/v1/me")).json["scopes"]
    viewer = await restricted(house, blue, role="viewer", scopes=["functions:write"])
    (await viewer.post(FUNCTIONS.format("default"), {"name": "f", "spec": {}})).problem(
        403, "forbidden"
    )


@pytest.mark.parametrize(
    ("change", "path", "code"),
    [
        ({"scopes": ["functions:own"]}, "scopes[0]", "scope-unknown"),
        ({"scopes": ["read", ""]}, "scopes[1]", "scope-unknown"),
        ({"scopes": ["read"] * 33}, "scopes", "list-too-long"),
        ({"cidrs": ["10.0.0.1/8"]}, "cidrs[0]", "cidr-malformed"),
        ({"cidrs": ["10.0.0.0/33"]}, "cidrs[0]", "cidr-malformed"),
        ({"cidrs": ["everywhere"]}, "cidrs[0]", "cidr-malformed"),
        ({"cidrs": ["10.0.0.0/8"] * 33}, "cidrs", "list-too-long"),
        ({"namespaces": ["ghost"]}, "namespaces", "namespace-unknown"),
        ({"namespaces": ["default"] * 33}, "namespaces", "list-too-long"),
        ({"role": None}, "role", "field-missing"),
    ],
)
async def test_a_restriction_that_can_not_be(
    blue: Client, change: dict[str, Any], path: str, code: str
) -> None:
    body = {"name": "x", "role": "owner"} | change
    (finding,) = (await blue.post(TOKENS, body)).problem(422, "invalid")["findings"]
    assert (finding["path"], finding["code"]) == (path, code)


async def test_a_cidr_with_host_bits_says_what_passes(blue: Client) -> None:
    body = {"name": "x", "role": "owner", "cidrs": ["10.0.0.1/8"]}
    (finding,) = (await blue.post(TOKENS, body)).problem(422, "invalid")["findings"]
    assert finding["passes"] == "10.0.0.0/8"


async def test_a_token_of_one_namespace_changes_nothing_beyond(house: Client, blue: Client) -> None:
    assert (await blue.post("/v1/tenants/blue/namespaces", {"name": "shop"})).status == 201
    shop = await restricted(house, blue, namespaces=["shop"])
    for reply in (
        await shop.get(FUNCTIONS.format("default")),
        await shop.post(FUNCTIONS.format("default"), {"name": "f", "spec": {}}),
        await shop.delete("/v1/tenants/blue/namespaces/default"),
        await shop.get("/v1/tenants/blue/namespaces/default"),
        await shop.post("/v1/tenants/blue/namespaces", {"name": "mine"}),
        await shop.post(TOKENS, {"name": "y", "role": "owner"}),
        await shop.post(TOKENS, {"name": "y", "role": "owner", "namespaces": ["shop"]}),
        await shop.post("/v1/tenants/blue/serviceaccounts", {"name": "y", "role": "owner"}),
        await shop.post("/v1/tenants/blue/namespaces/default/archives", None, headers={"X": "1"}),
    ):
        assert "limited to the namespaces shop" in reply.problem(403, "forbidden")["detail"]
    listed = (await shop.get("/v1/tenants/blue/namespaces")).json["items"]
    assert [item["name"] for item in listed] == ["shop"]
    assert (await shop.delete("/v1/tenants/blue/namespaces/shop")).status == 204


async def test_b72_an_address_is_the_peers_unless_a_trusted_proxy_says_otherwise(
    any_world: World, house: Client, blue: Client
) -> None:
    office = await restricted(house, blue, cidrs=["192.0.2.0/24", "2001:db8::/32"])
    for header, status in (
        (None, 401),
        ("192.0.2.7", 200),
        ("2001:db8::7", 200),
        ("::ffff:192.0.2.7", 200),
        ("198.51.100.1", 401),
        ("192.0.2.7, 198.51.100.1", 401),  # the first one is the caller's invention
        ("198.51.100.1, 192.0.2.7", 200),
        ("192.0.2.7, 127.0.0.1", 200),
        ("192.0.2.7, nonsense", 401),
        ("nonsense", 401),
        ("", 401),
    ):
        headers = {} if header is None else {"X-Forwarded-For": header}
        assert (await office.get("/v1/me", headers=headers)).status == status, header
    async with serving(any_world.services()) as strict:
        caller = strict.holding(office.token)
        forged = await caller.get("/v1/me", headers={"X-Forwarded-For": "192.0.2.7"})
        assert "address" in forged.problem(401, "unauthenticated")["detail"]


@pytest.mark.parametrize(
    ("own", "asked", "path"),
    [
        ({"scopes": ["tokens:write"]}, {}, "scopes"),
        ({"scopes": ["tokens:write"]}, {"role": "viewer"}, "scopes"),
        ({"scopes": ["tokens:write"]}, {"scopes": ["tokens:write", "function:write"]}, "scopes"),
        ({"cidrs": ["127.0.0.0/8"]}, {}, "cidrs"),
        ({"cidrs": ["127.0.0.0/8"]}, {"cidrs": ["0.0.0.0/0"]}, "cidrs"),
        ({"cidrs": ["127.0.0.0/8"]}, {"cidrs": ["127.0.0.0/16", "::/0"]}, "cidrs"),
        (
            {"cidrs": ["127.0.0.0/8"], "expiresInDays": 2},
            {"cidrs": ["127.0.0.0/8"], "expiresInDays": 3},
            "expiresInDays",
        ),
    ],
)
async def test_b70_a_token_issues_none_that_may_more(
    house: Client, blue: Client, own: dict[str, Any], asked: dict[str, Any], path: str
) -> None:
    issuer = await restricted(house, blue, **own)
    body = {"name": "y", "role": "owner", "expiresInDays": 1} | asked
    problem = (await issuer.post(TOKENS, body)).problem(403, "forbidden")
    assert [(item["code"], item["path"]) for item in problem["findings"]] == [("token-wider", path)]
    same = {"name": "y", "role": "owner", "expiresInDays": 1} | own
    assert (await issuer.post(TOKENS, same | {"expiresInDays": 1})).status == 201


async def test_b70_a_token_rotates_none_that_may_more(house: Client, blue: Client) -> None:
    whole = await issued(blue)
    issuer = await restricted(house, blue, scopes=["tokens:write"])
    (await issuer.post(f"{TOKENS}/{whole['id']}/rotate", {})).problem(403, "forbidden")
    assert (await house.holding(whole["token"]).get("/v1/me")).status == 200


async def test_b69_rotation_ends_the_text_before(
    any_world: World, house: Client, blue: Client
) -> None:
    made = await issued(blue, scopes=["read"])
    one = house.holding(made["token"])
    rotated = (await blue.post(f"{TOKENS}/{made['id']}/rotate", {})).json
    assert (rotated["id"], rotated["scopes"]) == (made["id"], made["scopes"])
    assert rotated["expiresAt"] == made["expiresAt"]
    two = house.holding(rotated["token"])
    (await one.get("/v1/me")).problem(401, "unauthenticated")
    assert (await two.get("/v1/me")).json["tokenId"] == made["id"]
    graced = (await two.post("/v1/me/token/rotate", {"graceSeconds": 60})).json
    three = house.holding(graced["token"])
    assert [(await held.get("/v1/me")).status for held in (two, three)] == [200, 200]
    any_world.clock.pass_seconds(60)
    assert [(await held.get("/v1/me")).status for held in (two, three)] == [401, 200]
    await blue.delete(f"{TOKENS}/{made['id']}")
    (await three.post("/v1/me/token/rotate", {})).problem(401, "unauthenticated")
    again = await blue.post(f"{TOKENS}/{made['id']}/rotate", {})
    again.problem(409, "conflict")


@pytest.mark.parametrize("body", [{"graceSeconds": 3601}, {"graceSeconds": -1}])
async def test_a_grace_that_can_not_be(blue: Client, body: dict[str, Any]) -> None:
    made = await issued(blue)
    for path in (f"{TOKENS}/{made['id']}/rotate", "/v1/me/token/rotate"):
        (finding,) = (await blue.post(path, body)).problem(422, "invalid")["findings"]
        assert (finding["path"], finding["code"]) == ("graceSeconds", "token-grace")


async def test_rotation_with_grace_does_not_outlive_a_revocation(
    house: Client, blue: Client
) -> None:
    made = await issued(blue)
    rotated = await blue.post(f"{TOKENS}/{made['id']}/rotate", {"graceSeconds": 3600})
    await blue.delete(f"{TOKENS}/{made['id']}")
    for text in (made["token"], rotated.json["token"]):
        (await house.holding(text).get("/v1/me")).problem(401, "unauthenticated")


async def test_a_token_ends_itself_whatever_it_may(
    any_world: World, house: Client, blue: Client
) -> None:
    viewer = await restricted(house, blue, role="viewer", scopes=["function:read"])
    assert (await viewer.delete("/v1/me/token")).status == 204
    (await viewer.get("/v1/me")).problem(401, "unauthenticated")
    boss = house.holding(await any_world.token("", None))
    assert (await boss.delete("/v1/me/token")).status == 204
    (await boss.get("/v1/me")).problem(401, "unauthenticated")


async def test_a_service_account_and_its_tokens(house: Client, blue: Client) -> None:
    path = "/v1/tenants/blue/serviceaccounts"
    made = (await blue.post(path, {"name": "ci", "role": "developer"})).json
    (await blue.post(path, {"name": "ci", "role": "viewer"})).problem(409, "conflict")
    (await blue.post(path, {"name": "C I", "role": "viewer"})).problem(422, "invalid")
    token = await issued(blue, role=None, serviceAccount="ci", scopes=["functions:write"])
    assert (token["kind"], token["role"], token["subject"]) == ("svc", "developer", made["id"])
    ci = house.holding(token["token"])
    assert (await ci.get("/v1/me")).json["roles"] == {"blue": "developer"}
    wider = await blue.post(TOKENS, {"name": "x", "role": "owner", "serviceAccount": "ci"})
    (finding,) = wider.problem(422, "invalid")["findings"]
    assert finding["code"] == "role-wider"
    (await blue.post(TOKENS, {"name": "x", "serviceAccount": "ghost"})).problem(404, "not-found")
    assert [item["name"] for item in (await blue.get(path)).json["items"]] == ["ci"]
    assert (await blue.delete(f"{path}/ci")).status == 204
    (await ci.get("/v1/me")).problem(401, "unauthenticated")
    (await blue.delete(f"{path}/ci")).problem(404, "not-found")


async def test_only_owners_rule_machines(any_world: World, house: Client) -> None:
    member = house.holding(await any_world.token("blue", Role.DEVELOPER))
    path = "/v1/tenants/blue/serviceaccounts"
    for method, where in (("POST", path), ("GET", path), ("DELETE", f"{path}/x")):
        body = {"name": "x", "role": "viewer"} if method == "POST" else None
        (await member.ask(method, where, json=body)).problem(403, "forbidden")
    stranger = house.holding(await any_world.token("red", Role.OWNER))
    (await stranger.get(path)).problem(404, "not-found")


async def test_pages_of_tokens(blue: Client) -> None:
    for _ in range(3):
        await issued(blue)
    seen, after = [], ""
    while True:
        page = (
            await blue.get(TOKENS, params={"limit": 2} | ({"continue": after} if after else {}))
        ).json
        seen += [item["id"] for item in page["items"]]
        if not (after := page["next"]):
            break
    assert len(seen) == len(set(seen)) == 4
    assert (await blue.get(TOKENS, params={"continue": "nonsense"})).status == 400


async def test_a_use_is_noted_beside_the_requests(any_world: World) -> None:
    services = any_world.services()
    async with serving(services) as nobody:
        blue = nobody.holding(await any_world.token("blue", Role.OWNER))
        listed = (await blue.get(TOKENS)).json["items"]
        assert listed[0]["lastUsedAt"] is None
        assert await services.uses.write() == 1
        first = (await blue.get(TOKENS)).json["items"][0]["lastUsedAt"]
        assert first == "2026-01-01T00:00:00Z"
        any_world.clock.pass_seconds(299)
        await blue.get("/v1/me")
        assert await services.uses.write() == 0
        any_world.clock.pass_seconds(1)
        await blue.get("/v1/me")
        assert await services.uses.write() == 1


async def refused_uses(world: World, tenant: str) -> list[AuditListed]:
    """What the tenant's log says of tokens that opened nothing, oldest first."""
    async with world.stores.begin(tenant) as work:
        found, _ = await work.audit_trail.page(AuditFilter(action="token:use"), before=0, limit=100)
    return list(reversed(found))


async def test_a_known_token_that_opens_nothing_is_on_record(any_world: World) -> None:
    services = any_world.services()
    revoked = await any_world.token("blue", Role.OWNER, revoked=True)
    expired = await any_world.token("blue", Role.VIEWER, days=-1)
    async with serving(services) as nobody:
        owner = nobody.holding(await any_world.token("blue", Role.OWNER))
        body = {"name": "x", "role": "viewer", "cidrs": ["192.0.2.0/24"]}
        elsewhere = (await owner.post(TOKENS, body)).json["token"]
        unknown = compose(TokenKind.USER, b"\1" * 20)
        asked = {}
        for text in (revoked, expired, elsewhere, unknown, revoked, revoked):
            reply = await nobody.holding(text).get("/v1/me")
            reply.problem(401, "unauthenticated")
            asked[text] = reply.headers["X-Request-Id"]
        assert not await refused_uses(any_world, "blue"), "not while somebody waits for an answer"
        assert await services.refusals.write() == 3
        rows = await refused_uses(any_world, "blue")
        assert [row.entry.detail["attempts"] for row in rows] == [3, 1, 1]
        assert [row.entry.request_id for row in rows] == [
            asked[text] for text in (revoked, expired, elsewhere)
        ]
        for row, words in zip(
            rows, ("was revoked", "expired on", "from this address"), strict=True
        ):
            entry = row.entry
            assert (entry.outcome, entry.target) == ("denied", entry.token_id)
            assert (entry.detail["address"], words in entry.detail["message"]) == (
                "127.0.0.1",
                True,
            )
        assert not await refused_uses(any_world, "red")


async def test_knocking_fills_no_log(any_world: World) -> None:
    services = any_world.services()
    text = await any_world.token("blue", Role.OWNER, revoked=True)
    admins = await any_world.token("", None, revoked=True)
    async with serving(services) as nobody:

        async def knock(times: int) -> int:
            for _ in range(times):
                await nobody.holding(text).get("/v1/me")
                await nobody.holding(admins).get("/v1/me")
            return await services.refusals.write()

        assert await knock(2) == 1
        assert [await knock(2), await knock(1)] == [0, 0]
        any_world.clock.pass_seconds(QUIET.total_seconds())
        assert await knock(1) == 1
        assert await knock(0) == 0
        rows = await refused_uses(any_world, "blue")
        assert [row.entry.detail["attempts"] for row in rows] == [2, 4]


async def test_a_refusal_that_can_not_be_written_waits(world: World) -> None:
    services = world.services()
    text = await world.token("blue", Role.OWNER, revoked=True)
    async with serving(services) as nobody:
        assert not (await reviewed(nobody, text))["authenticated"]
    world.memory.broken = UnavailableError("not now")
    with pytest.raises(UnavailableError):
        await services.refusals.write()
    world.memory.broken = None
    assert await services.refusals.write() == 1
    (row,) = world.memory.state.audit
    assert (row.action, row.detail["address"]) == ("token:use", ""), "kube-apiserver asked"


async def reviewed(nobody: Client, token: str) -> dict[str, Any]:
    reply = await nobody.post("/internal/tokenreview", REVIEW | {"spec": {"token": token}})
    status: dict[str, Any] = reply.json["status"]
    return status


async def test_kubectl_gets_what_the_token_has_for_ten_minutes(
    any_world: World, house: Client, blue: Client
) -> None:
    made = (await blue.post("/v1/me/kubectl-credential", {})).json
    assert made["token"].startswith("fh_kct_")
    assert made["expiresAt"] == "2026-01-01T00:10:00Z"
    user = (await reviewed(house, made["token"]))["user"]
    assert user["groups"] == ["fh:blue:owner"]
    assert user == (await reviewed(house, blue.token))["user"]
    refused = (await house.holding(made["token"]).get("/v1/me")).problem(401, "unauthenticated")
    assert "kube-apiserver only" in refused["detail"]
    any_world.clock.pass_seconds(600)
    assert (await reviewed(house, made["token"]))["authenticated"] is False


async def test_b71_revoking_the_parent_ends_kubectl(house: Client, blue: Client) -> None:
    made = await issued(blue)
    parent = house.holding(made["token"])
    credential = (await parent.post("/v1/me/kubectl-credential", {})).json["token"]
    assert (await reviewed(house, credential))["authenticated"] is True
    await blue.delete(f"{TOKENS}/{made['id']}")
    status = await reviewed(house, credential)
    assert status["authenticated"] is False
    assert "revoked" in status["error"]


async def test_a_credential_for_kubectl_does_not_outlive_its_parent(
    any_world: World, house: Client
) -> None:
    short = house.holding(await any_world.token("blue", Role.OWNER, days=1 / 24 / 60))
    made = (await short.post("/v1/me/kubectl-credential", {})).json
    assert made["expiresAt"] == "2026-01-01T00:01:00Z"


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"scopes": ["read"]}, "its scopes leave out"),
        ({"namespaces": ["default"]}, "limited to the namespaces default"),
        ({"cidrs": ["127.0.0.0/8"]}, "limited to the addresses 127.0.0.0/8"),
    ],
)
async def test_a_restricted_token_opens_no_kubectl(
    house: Client, blue: Client, limits: dict[str, Any], words: str
) -> None:
    held = await restricted(house, blue, **limits)
    problem = (await held.post("/v1/me/kubectl-credential", {})).problem(403, "forbidden")
    assert words in problem["detail"]
    status = await reviewed(house, held.token)  # nor by itself
    assert status["authenticated"] is False
    assert words in status["error"]


async def test_scopes_that_leave_nothing_out_open_kubectl(house: Client, blue: Client) -> None:
    viewer = await restricted(house, blue, role="viewer", scopes=["read"])
    made = (await viewer.post("/v1/me/kubectl-credential", {})).json
    assert (await reviewed(house, made["token"]))["user"]["groups"] == ["fh:blue:viewer"]


async def test_b72_a_wrong_checksum_reaches_no_database(world: World, nobody: Client) -> None:
    token = await world.token("blue", Role.OWNER)
    mangled = token[:-1] + ("0" if token[-1] != "0" else "1")
    world.memory.broken = UnavailableError("no database")
    (await nobody.holding(mangled).get("/v1/me")).problem(401, "unauthenticated")
    (await nobody.holding(token).get("/v1/me")).problem(503, "unavailable")


async def test_a_use_refused_for_its_address_is_no_use(any_world: World) -> None:
    services = any_world.services()
    async with serving(services) as nobody:
        blue = nobody.holding(await any_world.token("blue", Role.OWNER))
        office = await restricted(nobody, blue, cidrs=["192.0.2.0/24"])
        await services.uses.write()
        assert (await office.get("/v1/me")).status == 401
        assert await services.uses.write() == 0
