"""Every mutating route leaves an audit row: of the deed when it is done, of the refusal when it is a 403."""

from __future__ import annotations

import io
import itertools
import re
import zipfile
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from funkhaus.domain.approval import ApproverRule
from funkhaus.domain.audit import digest_of
from funkhaus.domain.subject import Role
from funkhaus_api.app import ROUTES
from tests.support.approvals import KEY, approval, put
from tests.support.providers import MemoryProviders

from .test_login import Program, code_of
from .test_revisions import spec, store

if TYPE_CHECKING:
    from tests.support.api import Client, Reply, World

T, N = "/v1/tenants/{tenant}", "/v1/tenants/{tenant}/namespaces/{namespace}"
F, H = N + "/functions", N + "/httptriggers"
CALLS = {f"{method} {F}/{{function}}/call" for method in ("POST", "PUT", "PATCH", "DELETE")}
NOT_RECORDED = {
    **dict.fromkeys(CALLS, "runs what is there and changes nothing of ours; a refusal is recorded"),
    "POST /v1/logins": "nobody is known yet and nothing is granted; the session is recorded",
    "POST /v1/device-logins": "likewise",
    "POST /device": "likewise",
    "POST /device/decision": "likewise",
    "POST /internal/tokenreview": "reads",
    "POST /v1/policy/impact": "reads; a refusal is recorded",
}
"""Routes that leave no row when they succeed, and why not."""
ELSEWHERE = {
    "POST /v1/sessions": "test_a_sign_in_is_on_record",
    "POST /v1/policy/activations": "an act like any other; needs a policy engine to be done",
}
WITHOUT_STATE = {
    "POST /v1/me/kubectl-credential": "a credential that ends by itself and is shown nowhere",
    "DELETE /v1/me/sessions": "several, which the detail names",
}
"""Routes whose row has no digests, and why not."""
DIGEST = re.compile(r"(sha256:[0-9a-f]+)?")
MUTATING = {
    f"{route.method} {route.path}"
    for route in ROUTES
    if isinstance(route, web.RouteDef) and route.method in {"POST", "PUT", "PATCH", "DELETE"}
}
ANY = {"If-Match": "*"}
LIMITS = {
    "functions": 9, "triggers": 9, "replicas": 9, "cpu": "2", "memory": "2Gi", "hosts": 9,
    "requestsPerSecond": 9, "buildsPerDay": 9,
}  # fmt: skip

C = N + "/cronjobtriggers"
CRON = {"function": "hello", "schedule": "0 3 * * *"}
R = "/v1/tenant-requests"
V = T + "/approvals"
ASKED = {"id": "acme", "plan": "large", "reason": "the fair"}
MORE = {"extra": {"cpu": "1"}, "reason": "x", "days": 1}


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("hello.py", "x = 1")
    return buffer.getvalue()


@dataclass(frozen=True)
class Step:
    """A request: as `by` it succeeds, as `refused` it is a 403. `keep` names the field of the answer later steps use."""

    by: str
    refused: str
    route: str
    body: Any = None
    keep: tuple[str, str] = ("", "")
    where: str = ""
    """The last parameter of the path, where it is not the one kept under its name."""


STEPS = [
    Step("admin", "owner", "POST /v1/tenants", {"id": "green", "plan": "small"}),
    Step("owner", "viewer", f"POST {T}/namespaces", {"name": "shop"}),
    Step("admin", "owner", f"POST {N}/adoption", {}, where="depot"),
    Step("owner", "viewer", f"PUT {N}/quota", LIMITS, where="default"),
    Step("owner", "viewer", f"DELETE {N}", where="shop"),
    Step("admin", "owner", f"PUT {T}/quota/override", {**LIMITS, "reason": "x", "days": 1}),
    Step("admin", "owner", f"DELETE {T}/quota/override"),
    Step("owner", "viewer", f"POST {T}/quota/requests", MORE, ("request", "id")),
    Step("admin", "owner", f"POST {T}/quota/requests/{{request}}/approve", {}),
    Step("owner", "viewer", f"DELETE {T}/quota/requests/{{request}}"),
    Step("owner", "viewer", f"POST {T}/quota/requests", MORE, ("request", "id")),
    Step("admin", "owner", f"POST {T}/quota/requests/{{request}}/reject", {}),
    Step("admin", "viewer", f"POST {V}/{{approval}}/approve", {}, where="{yes}"),
    Step("admin", "viewer", f"POST {V}/{{approval}}/reject", {"reason": "x"}, where="{no}"),
    Step("owner", "viewer", f"POST {V}/{{approval}}/renew", {}, where="{no}"),
    Step("owner", "viewer", f"POST {T}/members", {"user": "{bob}", "role": "viewer"}),
    Step("owner", "viewer", f"DELETE {T}/members/{{user}}", where="{bob}"),
    Step("owner", "viewer", f"POST {T}/invitations", {"role": "viewer"}, ("invitation", "id")),
    Step("owner", "viewer", f"DELETE {T}/invitations/{{invitation}}"),
    Step("owner", "viewer", f"POST {T}/invitations", {"role": "viewer"}, ("secret", "secret")),
    Step("bob", "viewer", "POST /v1/me/invitations/accept", {"secret": "{secret}"}),
    Step("admin", "owner", "POST /v1/platform/grants", {"user": "{bob}", "role": "auditor"}),
    Step("admin", "owner", "DELETE /v1/platform/grants/{user}/{role}", where="auditor"),
    Step("owner", "viewer", f"POST {T}/tokens", {"name": "ci", "role": "viewer"}, ("token", "id")),
    Step("owner", "viewer", f"POST {T}/tokens/{{token}}/rotate", {}),
    Step("owner", "viewer", f"DELETE {T}/tokens/{{token}}"),
    Step("owner", "viewer", f"POST {T}/serviceaccounts", {"name": "ci", "role": "viewer"}),
    Step("owner", "viewer", f"DELETE {T}/serviceaccounts/{{account}}", where="ci"),
    Step("owner", "viewer", f"POST {F}", {"name": "new", "spec": spec()}),
    Step("owner", "viewer", f"PUT {F}/{{function}}", {"spec": spec(timeout=9)}, where="new"),
    Step("owner", "viewer", f"PATCH {F}/{{function}}", {"spec": {"timeout": 8}}, where="new"),
    Step("owner", "viewer", f"PUT {F}/{{function}}/scaling", {"min": 1, "max": 3}, where="new"),
    Step("owner", "viewer", f"DELETE {F}/{{function}}/scaling", where="new"),
    Step("owner", "viewer", f"POST {F}/{{function}}/rollback", {}, where="hello"),
    Step("owner", "viewer", f"POST {F}/{{function}}/promote", {"revision": "{first}"}, where="hello"),
    Step("owner", "viewer", f"DELETE {F}/{{function}}", where="new"),
    Step("owner", "viewer", f"POST {N}/archives", archive()),
    Step("owner", "viewer", f"POST {H}", {"name": "web", "spec": {"function": "hello"}}),
    Step("owner", "viewer", f"PUT {H}/{{trigger}}", {"spec": {"function": "hello"}}, where="web"),
    Step("owner", "viewer", f"PATCH {H}/{{trigger}}", {"spec": {"path": "/x"}}, where="web"),
    Step("owner", "viewer", f"DELETE {H}/{{trigger}}", where="web"),
    Step("admin", "owner", "DELETE /v1/platform/tokens/{token}", where="{another}"),
    Step("admin", "owner", "PUT /v1/users/{user}/suspension", {"reason": "x"}, where="{eve}"),
    Step("admin", "owner", "DELETE /v1/users/{user}/suspension", where="{eve}"),
    Step("bob", "viewer", f"POST {R}", ASKED, ("request", "id")),
    Step("admin", "owner", f"POST {R}/{{request}}/reject", {}),
    Step("bob", "viewer", f"POST {R}", ASKED, ("request", "id")),
    Step("bob", "", f"DELETE {R}/{{request}}"),
    Step("bob", "viewer", f"POST {R}", ASKED, ("request", "id")),
    Step("admin", "owner", f"POST {R}/{{request}}/approve", {}),
    Step("owner", "viewer", f"POST {C}", {"name": "nightly", "spec": CRON}),
    Step("owner", "viewer", f"PUT {C}/{{trigger}}", {"spec": CRON}, where="nightly"),
    Step("owner", "viewer", f"PATCH {C}/{{trigger}}", {"spec": {"suspend": True}}, where="nightly"),
    Step("owner", "viewer", f"DELETE {C}/{{trigger}}", where="nightly"),
    Step("owner", "narrow", "POST /v1/me/kubectl-credential"),
    Step("admin", "owner", f"PUT {T}/plan", {"plan": "medium", "reason": "x"}),
    Step("admin", "owner", f"PUT {T}/host-suffixes/{{suffix}}", where="fair.example"),
    Step("admin", "owner", f"DELETE {T}/host-suffixes/{{suffix}}", where="fair.example"),
    Step("admin", "owner", f"PUT {T}/suspension", {"reason": "x"}),
    Step("admin", "owner", f"DELETE {T}/suspension"),
    Step("owner", "viewer", f"DELETE {T}"),
    Step("owner", "viewer", f"DELETE {T}/deletion"),
    Step("bob", "owner", "DELETE /v1/me/sessions/{session}", where="{elsewhere}"),
    Step("bob", "owner", "DELETE /v1/me/sessions"),
    Step("bob", "owner", "DELETE /v1/me/session"),
    Step("spare", "", "POST /v1/me/token/rotate", {"graceSeconds": 60}),
    Step("spare", "", "DELETE /v1/me/token"),
]  # fmt: skip


def test_no_route_is_forgotten() -> None:
    tried = {step.route for step in STEPS}
    assert not set(NOT_RECORDED) & tried
    missing = MUTATING - tried - set(NOT_RECORDED) - set(ELSEWHERE)
    assert not missing, "say in STEPS how it is done and refused: " + ", ".join(sorted(missing))
    assert tried | set(NOT_RECORDED) | set(ELSEWHERE) == MUTATING


class House:
    """Who asks, and what earlier answers said."""

    def __init__(self, world: World, people: dict[str, Client], known: dict[str, str]) -> None:
        self.world, self.people, self.known = world, people, known

    def filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self.filled(item) for key, item in value.items()}
        if isinstance(value, str):
            for name, text in self.known.items():
                value = value.replace(f"{{{name}}}", text)
        return value

    async def ask(self, who: str, step: Step) -> Reply:
        method, _, path = step.route.partition(" ")
        if step.where:
            parameter = path[path.rindex("{") : path.rindex("}") + 1]
            path = path.replace(parameter, self.filled(step.where))
        body = self.filled(step.body)
        sent = (
            {"data": body}
            if isinstance(body, bytes)
            else {"json": body}
            if body is not None
            else {}
        )
        guarded = (
            "approvals" in path
            or path.endswith("/plan")
            or ("quota" in path and "requests" not in path)
        )
        headers = ANY if guarded else {}
        return await self.people[who].ask(method, self.filled(path), headers=headers, **sent)

    def row(self, reply: Reply) -> Any:
        request_id = reply.headers["X-Request-Id"]
        rows = [row for row in self.world.memory.state.audit if row.request_id == request_id]
        assert len(rows) == 1, rows
        return rows[0]


@pytest.fixture
async def house(
    world: World, nobody: Client, owner: Client, viewer: Client, admin: Client
) -> House:
    first = store(world, spec(), 1, 1)
    store(world, spec(timeout=31), 2, 2)
    world.cluster.put(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "blue--depot"}}
    )
    bob = nobody.holding(await world.session("bob"))
    narrow = {"name": "narrow", "role": "viewer", "scopes": ["namespace:read"]}
    made = (await owner.post("/v1/tenants/blue/tokens", narrow)).json
    spare = nobody.holding(await world.token("blue", Role.OWNER))
    people = {
        "owner": owner, "viewer": viewer, "admin": admin, "bob": bob, "spare": spare,
        "narrow": nobody.holding(made["token"]),
    }  # fmt: skip
    user = (await bob.get("/v1/me")).json["id"]
    eve = nobody.holding(await world.session("eve"))
    elsewhere = nobody.holding(await world.session("bob"))
    another = nobody.holding(await world.token("", None))
    expires = world.clock.now() + timedelta(days=1)
    yes, no = (
        approval(rule=ApproverRule(), expires_at=expires, key=replace(KEY, name=name))
        for name in ("yes", "no")
    )
    await put(world.stores, yes, no)
    return House(
        world,
        people,
        {
            "tenant": "blue",
            "namespace": "default",
            "bob": user,
            "user": user,
            "eve": (await eve.get("/v1/me")).json["id"],
            "elsewhere": (await elsewhere.get("/v1/me")).json["tokenId"],
            "another": (await another.get("/v1/me")).json["tokenId"],
            "first": first,
            "yes": yes.id,
            "no": no.id,
        },
    )


async def test_each_leaves_a_row_when_it_is_refused_and_when_it_is_done(house: House) -> None:
    for step in STEPS:
        if step.refused:
            refused = await house.ask(step.refused, step)
            assert refused.status == 403, (step.route, refused.body)
            row = house.row(refused)
            assert (row.outcome, row.detail["code"]) == (
                "denied", refused.json["code"],
            ), step.route  # fmt: skip
            assert row.subject.startswith("fh:")
        done = await house.ask(step.by, step)
        assert done.status in range(200, 300), (step.route, done.body)
        row = house.row(done)
        assert (row.outcome, row.token_id != "") == ("done", True), step.route
        assert DIGEST.fullmatch(row.before), step.route
        assert DIGEST.fullmatch(row.after), step.route
        assert bool(row.before or row.after) == (step.route not in WITHOUT_STATE), step.route
        if step.by == "bob":
            assert (row.issuer, row.sub) == ("https://idp.example", "bob")
        if step.keep[0]:
            house.known[step.keep[0]] = done.json[step.keep[1]]


async def test_a_row_says_what_became_of_an_object(house: House) -> None:
    owner = house.people["owner"]
    at = "/v1/tenants/blue/namespaces/default/functions"
    made = house.row(await owner.post(at, {"name": "x", "spec": spec()}))
    changed = house.row(await owner.put(f"{at}/x", {"spec": spec(timeout=9)}))
    again = house.row(await owner.patch(f"{at}/x", {"spec": {"timeout": 9}}))
    gone = house.row(await owner.delete(f"{at}/x"))
    assert (made.before, made.after == changed.before) == ("", True)
    assert made.after.startswith("sha256:")
    assert changed.after == again.before == again.after == gone.before
    assert (changed.before != changed.after, gone.after) == (True, "")
    assert {row.uid for row in (made, changed, again, gone)} == {made.uid}
    assert made.uid


async def test_a_row_says_what_became_of_what_is_no_object(house: House) -> None:
    """One's after is the next one's before, whichever door of the API it came by; a reader can compute it."""
    owner, admin, bob = (house.people[name] for name in ("owner", "admin", "bob"))
    at, user = "/v1/tenants/blue", house.known["bob"]

    async def rows(*asked: tuple[Client, str, str, Any]) -> list[Any]:
        found = []
        for client, method, path, body in asked:
            sent = {} if body is None else {"json": body}
            house.world.clock.pass_seconds(1)
            headers = ANY if "quota" in path else {}
            reply = await client.ask(method, f"{at}{path}", headers=headers, **sent)
            assert reply.status in range(200, 300), (path, reply.body)
            found.append(house.row(reply))
        return found

    def chained(found: list[Any]) -> None:
        for one, other in itertools.pairwise(found):
            assert one.after == other.before, other.action

    quota = "/namespaces/default/quota"
    first, second, third = await rows(
        (owner, "PUT", quota, LIMITS), (owner, "PUT", quota, LIMITS | {"functions": 8}),
        (owner, "PUT", quota, LIMITS | {"functions": 8}),
    )  # fmt: skip
    chained([first, second, third])
    assert first.after == digest_of(LIMITS)
    assert (second.before != second.after, third.before == third.after) == (True, True)
    joined, changed, left = await rows(
        (owner, "POST", "/members", {"user": user, "role": "viewer"}),
        (owner, "POST", "/members", {"user": user, "role": "developer"}),
        (bob, "DELETE", f"/members/{user}", None),
    )
    chained([joined, changed, left])
    assert (joined.before, left.after) == ("", "")
    assert changed.after == digest_of({"user": user, "role": "developer"})
    made = await owner.post(f"{at}/tokens", {"name": "ci", "role": "viewer"})
    token = f"/tokens/{made.json['id']}"
    issued = house.row(made)
    rotated, revoked, again = await rows(
        (owner, "POST", f"{token}/rotate", {}), (owner, "DELETE", token, None), (owner, "DELETE", token, None)
    )  # fmt: skip
    chained([issued, rotated, revoked, again])
    assert (issued.before, again.before == again.after) == ("", True)
    assert len({issued.after, rotated.after, revoked.after}) == 3
    override = {**LIMITS, "reason": "x", "days": 1}
    set_, cleared = await rows(
        (admin, "PUT", "/quota/override", override), (admin, "DELETE", "/quota/override", None)
    )
    chained([set_, cleared])
    assert (set_.before, cleared.after) == ("", "")
    standing = await rows(
        (admin, "PUT", "/suspension", {"reason": "x"}), (admin, "DELETE", "/suspension", None),
        (owner, "DELETE", "", None), (owner, "DELETE", "/deletion", None),
    )  # fmt: skip
    chained(standing)
    assert standing[0].before == standing[-1].after != standing[0].after


async def test_a_sign_in_is_on_record(world: World, nobody: Client) -> None:
    """A session for a code, and the code a second time, which ends it: both name the person and the request."""
    assert isinstance(world.providers, MemoryProviders)
    program = await Program.begin(nobody)
    code = await code_of(nobody, world.providers, program)
    house = House(world, {}, {})
    begun = house.row(await program.redeem(code))
    assert (begun.action, begun.outcome, begun.sub) == ("session:begin", "done", "ada")
    again = await program.redeem(code)
    again.problem(401, "unauthenticated")
    denied = house.row(again)
    assert (denied.action, denied.outcome, denied.detail["code"]) == (
        "session:begin", "denied", "code-used-twice",
    )  # fmt: skip
    assert (denied.subject, denied.token_id) == (begun.subject, begun.token_id)


async def test_a_sign_in_of_somebody_kept_out_is_on_record(
    world: World, nobody: Client, admin: Client
) -> None:
    assert isinstance(world.providers, MemoryProviders)
    house, programs = House(world, {}, {}), [await Program.begin(nobody) for _ in range(2)]
    codes = [await code_of(nobody, world.providers, program) for program in programs]
    user = (await programs[0].redeem(codes[0])).json["user"]["id"]
    out = await admin.put(f"/v1/users/{user}/suspension", {"reason": "left"})
    assert out.status == 200, out.body
    refused = await programs[1].redeem(codes[1])
    assert refused.status == 403, refused.body
    row = house.row(refused)
    assert (row.action, row.outcome, row.subject) == ("session:begin", "denied", f"fh:{user}")
