"""Asking for more quota through the API, on memory and on a real Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.charge import Key
from funkhaus.domain.kinds import TENANT_NAMESPACE
from funkhaus.domain.quota import Amounts
from funkhaus.domain.quota_request import PENDING_LIMIT
from funkhaus.domain.subject import PlatformRole, Role
from funkhaus.services.ledger import LedgerService
from tests.support.api import Client, World, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

REQUESTS = "/v1/tenants/blue/quota/requests"
MORE: dict[str, Any] = {
    "extra": {"cpu": "2", "replicas": 5},
    "namespace": "default",
    "reason": "the fair",
    "days": 7,
}
LARGE = Amounts(functions=1, replicas=5, cpu_millis=5000)


@pytest.fixture
async def house(any_world: World) -> AsyncIterator[Client]:
    async with serving(any_world.services()) as nobody:
        yield nobody


@pytest.fixture
async def boss(any_world: World, house: Client) -> Client:
    return house.holding(await any_world.token("", None))


@pytest.fixture
async def developer(any_world: World, house: Client) -> Client:
    return house.holding(await any_world.token("blue", Role.DEVELOPER))


async def hard(client: Client) -> tuple[str, str]:
    """CPU of the tenant and of its namespace."""
    found = (await client.get("/v1/tenants/blue/quota")).json
    return found["hard"]["cpu"], found["namespaces"][0]["hard"]["cpu"]


async def asked(client: Client, **change: Any) -> str:
    answer = await client.post(REQUESTS, MORE | change)
    assert answer.status == 201, answer.body
    return str(answer.json["id"])


async def test_refused_asked_approved_passes_and_expires(
    any_world: World, developer: Client, boss: Client
) -> None:
    ledger, key = (
        LedgerService(any_world.stores, any_world.clock),
        Key("Function", "default", "big"),
    )
    assert await ledger.reserve("blue", key, LARGE, 0)
    request = await asked(developer)
    assert await hard(developer) == ("12", "4")
    (waiting,) = (await boss.get("/v1/quota-requests")).json["items"]
    assert (waiting["id"], waiting["state"], waiting["extra"]["cpu"]) == (request, "pending", "2")
    decided = (await boss.post(f"{REQUESTS}/{request}/approve", {"note": "fine"})).json
    assert (decided["state"], decided["note"]) == ("approved", "fine")
    assert decided["expiresAt"] > decided["decidedAt"]
    assert await hard(developer) == ("14", "6")
    assert await ledger.reserve("blue", key, LARGE, 0) == ()
    await any_world.services().outbox.deliver()
    manifest = any_world.cluster.find(TENANT_NAMESPACE, "", "blue--default")
    assert manifest["spec"]["quota"]["cpu"] == "6"
    any_world.clock.pass_seconds(7 * 86400 - 1)
    assert await any_world.services().quota_requests.expire() == 0
    any_world.clock.pass_seconds(1)
    assert await any_world.services().quota_requests.expire() == 1
    assert await hard(boss) == ("12", "4")
    async with any_world.stores.begin("blue") as work:
        assert (await work.ledger.account()).held.cpu_millis == 5000  # nothing was killed
        assert (await work.quota_requests.find(request)).state.value == "expired"


async def test_what_was_given_can_be_given_back_once(developer: Client, boss: Client) -> None:
    request = await asked(developer)
    await boss.post(f"{REQUESTS}/{request}/approve", {})
    assert (await developer.delete(f"{REQUESTS}/{request}")).json["state"] == "returned"
    assert await hard(developer) == ("12", "4")
    (await developer.delete(f"{REQUESTS}/{request}")).problem(409, "conflict")


async def test_a_waiting_one_is_withdrawn_or_rejected_and_changes_nothing(
    developer: Client, boss: Client
) -> None:
    first, second = await asked(developer), await asked(developer)
    assert (await developer.delete(f"{REQUESTS}/{first}")).json["state"] == "withdrawn"
    rejected = await boss.post(f"{REQUESTS}/{second}/reject", {"note": "no"})
    assert rejected.json["state"] == "rejected"
    (await boss.post(f"{REQUESTS}/{first}/approve", {})).problem(409, "conflict")
    (await boss.post(f"{REQUESTS}/{second}/approve", {})).problem(409, "conflict")
    assert await hard(developer) == ("12", "4")
    states = {item["state"] for item in (await developer.get(REQUESTS)).json["items"]}
    assert states == {"withdrawn", "rejected"}


async def test_nobody_decides_on_their_own(boss: Client) -> None:
    request = await asked(boss)
    problem = (await boss.post(f"{REQUESTS}/{request}/approve", {})).problem(403, "forbidden")
    assert "their own request" in problem["detail"]
    assert await hard(boss) == ("12", "4")


async def test_nobody_decides_on_what_their_own_token_asked(
    any_world: World, house: Client, boss: Client
) -> None:
    """As an approver; neither by their session nor after somebody else rotated the token."""
    ann = house.holding(await any_world.session("ann"))
    ann_id = str((await ann.get("/v1/me")).json["id"])
    async with any_world.stores.begin("blue") as work:
        await work.members.put(ann_id, Role.OWNER, any_world.clock.now())
    async with any_world.stores.begin_platform() as platform:
        await platform.users.grant(ann_id, PlatformRole.APPROVER, "fh:0", any_world.clock.now())
    tokens = "/v1/tenants/blue/tokens"
    made = (await ann.post(tokens, {"name": "ci", "role": "developer"})).json
    request = await asked(house.holding(made["token"]))
    other = house.holding(await any_world.token("blue", Role.OWNER))
    for verb in ("approve", "reject"):
        problem = (await ann.post(f"{REQUESTS}/{request}/{verb}", {})).problem(403, "forbidden")
        assert "a token they issued" in problem["detail"]
    assert (await other.post(f"{tokens}/{made['id']}/rotate", {})).status == 200
    (await ann.post(f"{REQUESTS}/{request}/approve", {})).problem(403, "forbidden")
    assert await hard(boss) == ("12", "4")
    theirs = await asked(other)
    assert (await ann.post(f"{REQUESTS}/{theirs}/approve", {})).status == 200
    assert (await boss.post(f"{REQUESTS}/{request}/approve", {})).status == 200


async def test_an_override_and_what_was_approved_add_up(
    any_world: World, developer: Client, boss: Client
) -> None:
    request = await asked(developer, namespace="")
    await boss.post(f"{REQUESTS}/{request}/approve", {})
    assert await hard(developer) == ("14", "4")
    path = "/v1/tenants/blue/quota/override"
    for _ in range(2):  # whoever starts from what is shown counts nothing twice
        found = (await developer.get("/v1/tenants/blue/quota")).json
        assert [item["extra"]["cpu"] for item in found["approved"]] == ["2"]
        body = found["base"] | {"functions": 70, "reason": "x", "days": 30}
        assert (await boss.put(path, body, headers={"If-Match": "*"})).status == 200
        assert await hard(developer) == ("14", "4")
    any_world.clock.pass_seconds(7 * 86400)
    assert await any_world.services().quota_requests.expire() == 1
    found = (await developer.get("/v1/tenants/blue/quota")).json
    assert (found["hard"], found["approved"]) == (found["base"], [])
    assert (found["base"]["cpu"], found["base"]["functions"]) == ("12", 70)


async def test_who_may_not(any_world: World, house: Client, developer: Client) -> None:
    request = await asked(developer)
    (await developer.post(f"{REQUESTS}/{request}/approve", {})).problem(403, "forbidden")
    (await developer.get("/v1/quota-requests")).problem(403, "forbidden")
    viewer = house.holding(await any_world.token("blue", Role.VIEWER))
    (await viewer.post(REQUESTS, MORE)).problem(403, "forbidden")
    (await viewer.delete(f"{REQUESTS}/{request}")).problem(403, "forbidden")
    red = house.holding(await any_world.token("red", Role.OWNER))
    (await red.get(REQUESTS)).problem(404, "not-found")
    (await red.delete(f"/v1/tenants/red/quota/requests/{request}")).problem(404, "not-found")


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"extra": {}}, "extra"),
        ({"extra": {"cpu": "-1"}}, "cpu"),
        ({"extra": {"cpu": "much"}}, "cpu"),
        ({"extra": {"gpus": 1}}, "extra.gpus"),
        ({"days": 0}, "days"),
        ({"reason": " "}, "reason"),
    ],
)
async def test_a_request_that_is_none(developer: Client, change: dict[str, Any], path: str) -> None:
    (finding,) = (await developer.post(REQUESTS, MORE | change)).problem(422, "invalid")["findings"]
    assert finding["path"] == path


async def test_where_nothing_is(developer: Client, boss: Client) -> None:
    (await developer.post(REQUESTS, MORE | {"namespace": "ghost"})).problem(404, "not-found")
    for name in ("ghost", "0b6f6d3e-0000-4000-8000-000000000000"):
        (await boss.post(f"{REQUESTS}/{name}/approve", {})).problem(404, "not-found")


async def test_only_so_many_wait(developer: Client) -> None:
    for _ in range(PENDING_LIMIT):
        await asked(developer)
    (finding,) = (await developer.post(REQUESTS, MORE)).problem(403, "policy-denied")["findings"]
    assert finding["code"] == "requests-waiting"


async def test_only_who_asked_or_an_owner_gives_it_back(
    any_world: World, house: Client, developer: Client, boss: Client
) -> None:
    owner = house.holding(await any_world.token("blue", Role.OWNER))
    theirs, own = await asked(owner), await asked(developer)
    await boss.post(f"{REQUESTS}/{theirs}/approve", {})
    waits = await asked(owner)
    for request in (theirs, waits):
        problem = (await developer.delete(f"{REQUESTS}/{request}")).problem(403, "forbidden")
        assert "who asked for it, or an owner" in problem["detail"]
    assert await hard(developer) == ("14", "6")
    assert (await owner.delete(f"{REQUESTS}/{own}")).json["state"] == "withdrawn"
    assert (await owner.delete(f"{REQUESTS}/{theirs}")).json["state"] == "returned"


async def test_a_decision_is_in_the_tenants_log(
    any_world: World, house: Client, developer: Client, boss: Client
) -> None:
    for word in ("approve", "reject"):
        await boss.post(f"{REQUESTS}/{await asked(developer)}/{word}", {"note": "so be it"})
    owner = house.holding(await any_world.token("blue", Role.OWNER))
    rows = (await owner.get("/v1/tenants/blue/audit")).json["items"]
    found = {item["action"]: item for item in rows}
    for action in ("quota:approve", "quota:reject"):
        assert found[action]["outcome"] == "done"
        assert found[action]["before"] != found[action]["after"]
