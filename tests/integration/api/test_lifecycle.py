"""A tenant rests, works again, goes and is taken back; on memory and on a real Postgres."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.kinds import FUNCTION, TENANT_NAMESPACE
from funkhaus.domain.subject import Role
from tests.support.api import Client, World, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BLUE = "/v1/tenants/blue"
HOME = f"{BLUE}/namespaces/default"
SPEC = {
    "runtime": "python3.11",
    "handler": "hello.handler",
    "source": {"inline": {"files": {"hello.py": "def handler(event, context): ..."}}},
}
LIMITS = {
    "functions": 1, "triggers": 1, "replicas": 1, "cpu": "1", "memory": "1Gi", "hosts": 1,
    "requestsPerSecond": 1, "buildsPerDay": 1,
}  # fmt: skip
WORDS = (
    "by Ada: invoice 17 is unpaid. Nothing is created or changed in it until a platform admin says"
)
ANY = {"If-Match": "*"}
WRITES: list[tuple[str, str, dict[str, Any] | None]] = [
    ("POST", f"{HOME}/functions", {"name": "new", "spec": SPEC}),
    ("PUT", f"{HOME}/functions/hello", {"spec": SPEC}),
    ("PATCH", f"{HOME}/functions/hello", {"spec": {"timeout": 9}}),
    ("PUT", f"{HOME}/functions/hello/scaling", {"min": 1, "max": 2}),
    ("POST", f"{HOME}/httptriggers", {"name": "web", "spec": {"function": "hello"}}),
    ("POST", f"{HOME}/functions/hello/call", {}),
    ("POST", f"{HOME}/archives", None),
    ("POST", f"{BLUE}/namespaces", {"name": "more"}),
    ("DELETE", HOME, None),
    ("PUT", f"{HOME}/quota", LIMITS),
    ("POST", f"{BLUE}/quota/requests", {"extra": {"cpu": "1"}, "reason": "x", "days": 1}),
    ("POST", f"{BLUE}/tokens", {"name": "ci", "role": "viewer"}),
    ("POST", f"{BLUE}/invitations", {"role": "viewer"}),
    ("POST", f"{BLUE}/serviceaccounts", {"name": "ci", "role": "viewer"}),
]


@pytest.fixture
async def house(any_world: World) -> AsyncIterator[Client]:
    async with serving(any_world.services()) as nobody:
        yield nobody


@pytest.fixture
async def boss(any_world: World, house: Client) -> Client:
    return house.holding(await any_world.token("", None))


@pytest.fixture
async def blue(any_world: World, house: Client) -> Client:
    return house.holding(await any_world.token("blue", Role.OWNER))


def put_function(world: World) -> None:
    world.cluster.put(
        {
            "apiVersion": FUNCTION.api_version,
            "kind": "Function",
            "metadata": {"namespace": "blue--default", "name": "hello"},
            "spec": SPEC,
        }
    )


async def suspended(boss: Client) -> None:
    reply = await boss.put(f"{BLUE}/suspension", {"reason": "invoice 17 \n is unpaid"})
    assert (reply.status, reply.json["state"]) == (200, "suspended"), reply.body


async def test_a_suspended_tenant_is_told_who_why_and_whom_to_ask(
    any_world: World, boss: Client, blue: Client
) -> None:
    put_function(any_world)
    await suspended(boss)
    for method, path, body in WRITES:
        options: dict[str, Any] = {"json": body, "headers": ANY if path.endswith("/quota") else {}}
        if body is None and method == "POST":
            options = {"data": b"x", "headers": {"Content-Type": "application/zip"}}
        problem = (await blue.ask(method, path, **options)).problem(403, "policy-denied")
        (finding,) = problem["findings"]
        assert finding["code"] == "tenant-suspended", path
        assert WORDS in finding["message"], path
        assert finding["message"].endswith("ask Ada"), path


async def test_reading_signing_in_and_taking_away_stay_possible(
    any_world: World, house: Client, boss: Client, blue: Client
) -> None:
    put_function(any_world)
    token = (await blue.post(f"{BLUE}/tokens", {"name": "ci", "role": "viewer"})).json
    invited = (await blue.post(f"{BLUE}/invitations", {"role": "viewer"})).json
    await blue.post(f"{BLUE}/serviceaccounts", {"name": "ci", "role": "viewer"})
    await suspended(boss)
    me = (await blue.get("/v1/me")).json
    assert me["suspended"] == ["blue"]
    assert me["groups"] == ["fh:blue:viewer", "fh:blue:suspended"]
    for path in (BLUE, f"{BLUE}/quota", f"{HOME}/functions", f"{BLUE}/members"):
        assert (await blue.get(path)).status == 200
    shown = (await blue.get(BLUE)).json["suspension"]
    assert (shown["reason"], shown["by"]) == ("invoice 17 is unpaid", "Ada")
    assert (await house.holding(token["token"]).get(BLUE)).status == 200
    for path in (
        f"{HOME}/functions/hello",
        f"{BLUE}/tokens/{token['id']}",
        f"{BLUE}/invitations/{invited['id']}",
        f"{BLUE}/serviceaccounts/ci",
    ):
        assert (await blue.delete(path)).status in {200, 204}, path


async def test_an_invitation_waits_for_the_tenant(
    any_world: World, house: Client, boss: Client, blue: Client
) -> None:
    invited = (await blue.post(f"{BLUE}/invitations", {"role": "viewer"})).json
    await suspended(boss)
    guest = house.holding(await any_world.session("gus"))
    body = {"secret": invited["secret"]}
    refused = await guest.post("/v1/me/invitations/accept", body)
    assert WORDS in refused.problem(403, "policy-denied")["detail"]
    await boss.delete(f"{BLUE}/suspension")
    assert (await guest.post("/v1/me/invitations/accept", body)).status == 200


async def test_the_neighbour_and_the_platform_work_on(
    any_world: World, house: Client, boss: Client
) -> None:
    red = house.holding(await any_world.token("red", Role.OWNER))
    await suspended(boss)
    assert (await red.post("/v1/tenants/red/namespaces", {"name": "more"})).status == 201
    made = await boss.post(f"{BLUE}/namespaces", {"name": "more"})
    assert made.status == 201
    await any_world.services().outbox.deliver()
    spec = any_world.cluster.find(TENANT_NAMESPACE, "", "blue--more")["spec"]
    assert spec["suspended"] is True


async def test_the_cluster_hears_of_it_and_of_its_end(
    any_world: World, boss: Client, blue: Client
) -> None:
    def told() -> bool:
        found = any_world.cluster.find(TENANT_NAMESPACE, "", "blue--default")
        return bool(found["spec"].get("suspended"))

    await suspended(boss)
    await any_world.services().outbox.deliver()
    assert told()
    assert (await boss.put(f"{HOME}/quota", LIMITS, headers=ANY)).status == 200
    await any_world.services().outbox.deliver()
    assert told(), "a quota that is set meanwhile wakes nobody"
    assert (await boss.delete(f"{BLUE}/suspension")).json["state"] == "active"
    await any_world.services().outbox.deliver()
    assert not told()
    assert (await blue.post(f"{BLUE}/tokens", {"name": "ci", "role": "viewer"})).status == 201


async def test_only_admins_suspend_and_not_without_a_reason(boss: Client, blue: Client) -> None:
    for reason in ("", " \n"):
        (await boss.put(f"{BLUE}/suspension", {"reason": reason})).problem(422, "invalid")
    (await boss.put(f"{BLUE}/suspension", {})).problem(422, "invalid")
    (await boss.put("/v1/tenants/ghost/suspension", {"reason": "x"})).problem(404, "not-found")
    (await blue.put(f"{BLUE}/suspension", {"reason": "x"})).problem(403, "forbidden")
    (await blue.put("/v1/tenants/red/suspension", {"reason": "x"})).problem(404, "not-found")
    await suspended(boss)
    (await blue.delete(f"{BLUE}/suspension")).problem(403, "forbidden")
    again = (await boss.put(f"{BLUE}/suspension", {"reason": "fraud"})).json
    assert again["suspension"]["reason"] == "fraud"
    assert (await boss.delete(f"{BLUE}/suspension")).json["suspension"] is None
    assert (await boss.delete(f"{BLUE}/suspension")).status == 200


async def test_an_owner_deletes_and_takes_it_back(
    any_world: World, boss: Client, blue: Client
) -> None:
    gone = (await blue.delete(BLUE, params={"reason": "we move"})).json
    after = any_world.clock.now() + timedelta(days=30)
    assert gone["state"] == "deleting"
    assert gone["deletion"]["after"] == f"{after:%Y-%m-%dT%H:%M:%SZ}"
    any_world.clock.pass_seconds(60)
    assert (await blue.delete(BLUE)).json["deletion"] == gone["deletion"], "again changes nothing"
    problem = (await blue.post(f"{BLUE}/namespaces", {"name": "x"})).problem(403, "policy-denied")
    (finding,) = problem["findings"]
    assert finding["code"] == "tenant-deleting"
    assert "as Ada asked on" in finding["message"]
    assert "an owner can take that back with `funkhaus tenant undelete blue`" in finding["message"]
    both = (await boss.put(f"{BLUE}/suspension", {"reason": "fraud"})).json
    assert both["state"] == "deleting"
    kept = (await blue.delete(f"{BLUE}/deletion")).json
    assert (kept["state"], kept["deletion"]) == ("suspended", None)
    (await blue.delete(f"{BLUE}/deletion")).problem(409, "conflict")


async def test_an_admin_shortens_the_grace_with_a_reason(boss: Client, blue: Client) -> None:
    refused = await blue.delete(BLUE, params={"graceDays": "0", "reason": "x"})
    refused.problem(403, "forbidden")
    (await boss.delete(BLUE, params={"graceDays": "0"})).problem(422, "invalid")
    (await boss.delete(BLUE, params={"graceDays": "31", "reason": "x"})).problem(422, "invalid")
    (await boss.delete(BLUE, params={"graceDays": "-1", "reason": "x"})).problem(422, "invalid")
    assert (await blue.get(BLUE)).json["state"] == "active"
    await blue.delete(BLUE)
    short = (await boss.delete(BLUE, params={"graceDays": "2", "reason": "asked for"})).json
    assert short["deletion"]["byPlatform"] is True
    refused = await blue.delete(f"{BLUE}/deletion")
    assert "only an admin takes it back" in refused.problem(403, "forbidden")["detail"]
    assert (await boss.delete(f"{BLUE}/deletion")).json["state"] == "active"


async def test_after_the_grace_it_is_too_late(any_world: World, blue: Client) -> None:
    await blue.delete(BLUE)
    any_world.clock.pass_seconds(30 * 24 * 3600)
    late = blue.holding(await any_world.token("blue", Role.OWNER))
    detail = (await late.delete(f"{BLUE}/deletion")).problem(409, "conflict")["detail"]
    assert "it is going now" in detail


@pytest.mark.parametrize("role", [Role.DEVELOPER, Role.VIEWER])
async def test_who_is_no_owner_deletes_no_tenant(
    any_world: World, house: Client, role: Role
) -> None:
    member = house.holding(await any_world.token("blue", role))
    (await member.delete(BLUE)).problem(403, "forbidden")
    (await member.delete(f"{BLUE}/deletion")).problem(403, "forbidden")
    (await member.delete("/v1/tenants/red")).problem(404, "not-found")
