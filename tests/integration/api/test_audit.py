"""The audit log through the API: who reads it, in pages, verified, exported; in memory and on a real Postgres."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.audit import PublicKey
from funkhaus.domain.audit_export import examine
from funkhaus.domain.group_rule import GroupRule
from funkhaus.domain.subject import PlatformRole, Role
from funkhaus.services.audit_chain import SIGN_AFTER, Chainer
from tests.support.api import ISSUER, serving
from tests.support.stores import MemoryStores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.api import Client, World

BLUE = "/v1/tenants/blue/audit"


@pytest.fixture
async def house(any_world: World) -> AsyncIterator[Client]:
    """The API without its chainer's worker, which would link at moments of its own: see `signed`."""
    any_world.rules = (GroupRule(ISSUER, "house-audit", PlatformRole.AUDITOR),)
    elsewhere = Chainer(MemoryStores(), any_world.clock, any_world.signer)
    async with serving(replace(any_world.services(), chainer=elsewhere)) as client:
        yield client


@pytest.fixture
async def owner(any_world: World, house: Client) -> Client:
    """An owner of blue who did three things and was refused one."""
    owner = house.holding(await any_world.token("blue", Role.OWNER))
    for name in ("shop", "depot"):
        assert (await owner.post("/v1/tenants/blue/namespaces", {"name": name})).status == 201
    assert (await owner.delete("/v1/tenants/blue/namespaces/depot")).status == 204
    (await owner.post("/v1/tenants", {"id": "green", "plan": "small"})).problem(403, "forbidden")
    return owner


@pytest.fixture
async def auditor(any_world: World, house: Client) -> Client:
    return house.holding(await any_world.session("audit", groups=("house-audit",)))


async def signed(world: World) -> None:
    """Let the chainer do its work."""
    chainer = Chainer(world.stores, world.clock, world.signer)
    await chainer.round()
    world.clock.pass_seconds(SIGN_AFTER.total_seconds())
    await chainer.round()


def acts(reply: Any) -> list[str]:
    return [f"{item['action']} {item['target']} {item['outcome']}" for item in reply.json["items"]]


async def test_an_owner_reads_what_was_done_newest_first(any_world: World, owner: Client) -> None:
    await signed(any_world)
    reply = await owner.get(BLUE)
    assert acts(reply) == [
        "namespace:delete depot done",
        "namespace:create depot done",
        "namespace:create shop done",
    ]
    newest = reply.json["items"][0]
    assert (newest["position"], newest["tenant"], len(newest["hash"])) == (3, "blue", 64)
    assert newest["subject"].startswith("fh:")
    assert newest["tokenId"]
    assert newest["requestId"]


async def test_pages_and_filters(owner: Client) -> None:
    first = await owner.get(f"{BLUE}?limit=2")
    assert len(first.json["items"]) == 2
    second = await owner.get(f"{BLUE}?limit=2&continue={first.json['next']}")
    assert acts(second) == ["namespace:create shop done"]
    assert second.json["next"] == ""
    for query, count in (
        ("action=namespace:create", 2),
        ("action=namespace:*", 3),
        ("object=shop", 1),
        ("outcome=denied", 0),
        ("since=2020-01-01T00:00:00Z", 3),
        ("until=2020-01-01T00:00:00Z", 0),
        (f"actor={first.json['items'][0]['subject']}", 3),
        ("actor=nobody", 0),
    ):
        assert len((await owner.get(f"{BLUE}?{query}")).json["items"]) == count, query


@pytest.mark.parametrize(
    "query",
    [
        "outcome=maybe",
        "since=yesterday",
        "until=9999-99-99",
        "actor=" + "x" * 301,
        "who=me",
        "limit=0",
    ],
)
async def test_a_filter_that_is_none_is_refused(owner: Client, query: str) -> None:
    (await owner.get(f"{BLUE}?{query}")).problem(422, "invalid")


async def test_a_cursor_is_good_for_its_list_only(owner: Client, auditor: Client) -> None:
    cursor = (await owner.get(f"{BLUE}?limit=1")).json["next"]
    for client, path in ((owner, f"{BLUE}?action=x&continue="), (auditor, "/v1/audit?continue=")):
        (await client.get(f"{path}{cursor}")).problem(400, "cursor-refused")


@pytest.mark.parametrize("role", [Role.DEVELOPER, Role.VIEWER, Role.BILLING])
async def test_other_members_read_none_of_it(any_world: World, house: Client, role: Role) -> None:
    member = house.holding(await any_world.token("blue", role))
    for path in ("", "/verification", "/export"):
        (await member.get(f"{BLUE}{path}")).problem(403, "forbidden")


@pytest.mark.parametrize("path", ["", "/verification", "/export"])
async def test_a_neighbour_learns_nothing(any_world: World, owner: Client, path: str) -> None:
    assert any_world
    other = (await owner.get(f"/v1/tenants/red/audit{path}")).problem(404, "not-found")
    none = (await owner.get(f"/v1/tenants/none/audit{path}")).problem(404, "not-found")
    assert other["detail"].replace("red", "none") == none["detail"]
    (await owner.get(f"/v1/audit{path}")).problem(403, "forbidden")


async def test_an_auditor_reads_all_and_the_platforms(owner: Client, auditor: Client) -> None:
    assert owner
    assert len((await auditor.get(BLUE)).json["items"]) == 3
    assert acts(await auditor.get("/v1/audit?outcome=denied")) == ["tenant:create green denied"]
    denied = (await auditor.get("/v1/audit?outcome=denied")).json["items"][0]
    assert denied["detail"]["code"] == "forbidden"
    (await auditor.get("/v1/tenants/none/audit")).problem(404, "not-found")


async def test_an_untouched_log_is_verified(any_world: World, owner: Client) -> None:
    before = (await owner.get(f"{BLUE}/verification")).json
    assert (before["intact"], before["waiting"], before["position"]) == (True, 3, 0)
    await signed(any_world)
    found = (await owner.get(f"{BLUE}/verification")).json
    assert found == {
        "chain": "blue", "intact": True, "complete": True, "after": 0, "position": 3, "signedPosition": 3,
        "headPosition": 3, "checkpoints": 1, "waiting": 0, "findings": [],
    }  # fmt: skip
    rest = (await owner.get(f"{BLUE}/verification?after=2")).json
    assert (rest["intact"], rest["after"], rest["position"]) == (True, 2, 3)
    (await owner.get(f"{BLUE}/verification?after=4")).problem(404, "not-found")
    (await owner.get(f"{BLUE}/verification?after=-1")).problem(422, "invalid")


async def test_long_logs_are_verified_in_parts(
    any_world: World, owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("funkhaus.services.audit.PART", 1)
    monkeypatch.setattr("funkhaus.services.audit.VERIFY_ROWS", 2)
    monkeypatch.setattr("funkhaus.services.audit.EXPORT_ROWS", 2)
    await signed(any_world)
    first = (await owner.get(f"{BLUE}/verification")).json
    assert (first["intact"], first["complete"], first["position"]) == (True, False, 2)
    second = (await owner.get(f"{BLUE}/verification?after=2")).json
    assert (second["intact"], second["complete"], second["position"]) == (True, True, 3)
    parts = [(await owner.get(f"{BLUE}/export?after={after}")).body for after in (0, 2)]
    key = any_world.signer
    whole = b"".join(parts).decode().splitlines()
    outcome = examine(whole, key.check, keys=key.public_keys())
    assert (outcome.intact, outcome.entries, outcome.checkpoints) == (True, 3, 1), outcome.findings
    assert "export-incomplete" in [
        item.code for item in examine(parts[0].decode().splitlines(), key.check).findings
    ]


async def test_an_export_is_verified_without_asking(any_world: World, owner: Client) -> None:
    await signed(any_world)
    reply = await owner.get(f"{BLUE}/export")
    assert reply.headers["Content-Type"] == "application/jsonl"
    lines = reply.body.decode().splitlines()
    assert [json.loads(line)["type"] for line in lines] == [
        "header", "entry", "entry", "entry", "checkpoint", "end",
    ]  # fmt: skip
    published = (await owner.get("/v1/audit/keys")).json
    assert published["items"][0]["id"] == any_world.signer.key_id
    keys = any_world.signer.public_keys()
    outcome = examine(lines, any_world.signer.check, keys=keys)
    assert (outcome.intact, outcome.position, outcome.signed_position) == (True, 3, 3)
    changed = [line.replace("depot", "repot") for line in lines]
    found = {item.code for item in examine(changed, any_world.signer.check, keys=keys).findings}
    assert found == {"entry-changed"}
    cut = examine(lines[:-2], any_world.signer.check, keys=keys)
    assert [item.code for item in cut.findings] == ["export-cut"]
    stranger = [PublicKey("0" * 16, bytes(32))]
    assert [
        item.code for item in examine(lines, any_world.signer.check, keys=stranger).findings
    ] == ["checkpoint-key-unknown"]


async def test_what_is_linked_meanwhile_disturbs_no_verification(
    any_world: World, owner: Client
) -> None:
    """Rows that get their place between the reading of the head and of the rows belong to the next time."""
    await signed(any_world)
    services = any_world.services()
    trail = services.audit

    async def head() -> Any:
        async with any_world.stores.begin("blue") as work:
            return await work.audit_trail.chain()

    before = await head()
    assert (await owner.post("/v1/tenants/blue/namespaces", {"name": "more"})).status == 201
    await signed(any_world)
    parts = [part async for part in trail._parts("blue", 0, before, 100)]
    assert [link.position for part in parts for link in part.links] == [1, 2, 3]
    assert [item.position for part in parts for item in part.signed] == [3]
    assert parts[-1].last


async def test_the_worker_links_while_the_api_runs(any_world: World, owner: Client) -> None:
    """Nobody calls the chainer here: the application does."""
    assert (await owner.get(BLUE)).json["items"][0]["position"] is None
    async with serving(any_world.services()), asyncio.timeout(30):
        while not (found := (await owner.get(BLUE)).json["items"])[0]["position"]:  # noqa: ASYNC110 - another task of the API
            await asyncio.sleep(0.01)
    assert found[0]["position"] == 3
