"""History and rollback through the API; the controller's part is played by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.crd import function as function_crd
from funkhaus.crd import revision as revision_crd
from funkhaus.domain.errors import PolicyError
from funkhaus.domain.function import RevisionSpec, Source, source_digest
from funkhaus.domain.kinds import FUNCTION, FUNCTION_REVISION, HTTP_TRIGGER
from funkhaus.domain.names import revision_name
from funkhaus.domain.question import CREATED_BY
from funkhaus.domain.subject import Role
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from tests.support.api import Client, World

PLACE = "blue--default"
AT = "/v1/tenants/blue/namespaces/default/functions/hello"


def spec(**change: Any) -> dict[str, Any]:
    return {
        "runtime": "python3.11",
        "handler": "hello.handler",
        "source": {"inline": {"files": {"hello.py": "one"}}},
        "resources": {"cpu": "250m", "memory": "128Mi"},
        "timeout": 30,
        "concurrency": 8,
        "scaling": {"min": 1, "max": 2, "cpuPercent": 80},
    } | change


def store(
    world: World, asked: dict[str, Any], made: int, served: int = 0, author: str = "fh:x"
) -> str:
    """A Function asking for `asked`, and its revision as the controller leaves it; `made` and `served` are minutes."""
    live = world.cluster.put(
        {
            "apiVersion": FUNCTION.api_version,
            "kind": "Function",
            "metadata": {"namespace": PLACE, "name": "hello"},
            "spec": asked,
        },
        "funkhaus-api",
    )
    wanted = function_crd.parse_spec(asked)
    revision = RevisionSpec(
        "hello", wanted.runtime, "r/p@sha256:1", wanted.handler, source_digest(wanted.source, ""), "r/f@sha256:3",
        wanted.env, wanted.resources, wanted.timeout, wanted.concurrency, wanted.source,
    )  # fmt: skip
    name = revision_name("hello", revision.digest)
    manifest = revision_crd.manifest(PLACE, revision)
    manifest["metadata"] |= {
        "labels": {"funkhaus.dev/function": "hello"},
        "annotations": {CREATED_BY: author},
        "ownerReferences": [{"uid": live["metadata"]["uid"], "controller": True}],
    }
    if served:
        manifest["status"] = {"servedAt": f"2026-01-01T00:{served:02}:00Z"}
    world.cluster.put(manifest)
    found = world.cluster.find(FUNCTION_REVISION, PLACE, name)
    found["metadata"]["creationTimestamp"] = f"2026-01-01T00:{made:02}:00Z"
    return name


def standing(world: World, active: str, latest: str = "", ready: str = "True") -> None:
    status = {
        "revision": active,
        "latestRevision": latest or active,
        "conditions": [{"type": "Ready", "status": ready, "reason": "x", "message": "x"}],
    }
    world.cluster.write_status(FUNCTION, PLACE, "hello", status)


async def test_history_says_whose_what_and_where(world: World, owner: Client) -> None:
    me = (await owner.get("/v1/me")).json
    first = store(world, spec(), 1, 1, author=me["username"])
    second = store(world, spec(timeout=31, source={"inline": {"files": {"hello.py": "two"}}}), 2, 2)
    third = store(world, spec(timeout=32), 3)
    standing(world, second, third, "False")
    found = (await owner.get(f"{AT}/revisions")).json
    assert [(item["name"], item["state"]) for item in found["items"]] == [
        (third, "failed"), (second, "serving"), (first, "kept"),
    ]  # fmt: skip
    assert found["items"][1]["changes"] == ["timeout 30 s → 31 s", "source: hello.py"]
    assert found["items"][1]["previous"] == first
    assert found["items"][2]["changes"] == []
    assert found["items"][2]["author"] == {"id": me["username"], "name": "Ada"}
    assert found["items"][0]["author"] == {"id": "fh:x", "name": "fh:x"}
    assert found["items"][0]["servedAt"] is None
    page = (await owner.get(f"{AT}/revisions", params={"limit": 2})).json
    assert [item["name"] for item in page["items"]] == [third, second]
    rest = (await owner.get(f"{AT}/revisions", params={"continue": page["next"]})).json
    assert [item["name"] for item in rest["items"]] == [first]


async def test_one_revision_shows_all_it_was_made_of(world: World, owner: Client) -> None:
    name = store(world, spec(env=[{"name": "A", "value": "1"}]), 1, 1)
    standing(world, name)
    digits = name.rpartition("-")[2]
    for text in (name, digits, digits[:5]):
        found = (await owner.get(f"{AT}/revisions/{text}")).json
        assert found["name"] == name
    assert found["spec"]["source"] == {"inline": {"files": {"hello.py": "one"}}}
    assert found["spec"]["env"] == [{"name": "A", "value": "1"}]
    missing = (await owner.get(f"{AT}/revisions/zzz")).problem(404, "not-found")
    assert name in missing["detail"]


async def test_another_function_of_the_same_name_had_other_revisions(
    world: World, owner: Client
) -> None:
    name = store(world, spec(), 1, 1)
    world.cluster.find(FUNCTION_REVISION, PLACE, name)["metadata"]["ownerReferences"] = [
        {"uid": "before", "controller": True}
    ]
    assert (await owner.get(f"{AT}/revisions")).json["items"] == []


async def test_back_is_the_one_that_served_before(world: World, owner: Client) -> None:
    old = store(world, spec(env=[{"name": "A", "value": "1"}]), 1, 1)
    scaled = {"min": 2, "max": 4, "cpuPercent": 50}
    new = store(
        world,
        spec(timeout=31, source={"archive": {"digest": "sha256:" + "0" * 64}}, scaling=scaled, dependencies="x"),
        2,
        2,
    )  # fmt: skip
    standing(world, new)
    dry = await owner.post(f"{AT}/rollback?dryRun=true", {})
    assert dry.json["spec"]["timeout"] == 30
    assert world.cluster.find(FUNCTION, PLACE, "hello")["spec"]["timeout"] == 31
    back = await owner.post(f"{AT}/rollback", {})
    wanted = spec(env=[{"name": "A", "value": "1"}], scaling=scaled)
    assert back.json["spec"] == wanted, "all that makes the revision, and scaling as it is"
    assert world.cluster.subjects[-1].groups == ("fh:blue:owner",), "written as the user"
    (row,) = [
        row
        for row in world.memory.state.audit
        if row.action == "function:rollback" and "dryRun" not in row.detail
    ]
    assert row.detail == {"revision": old}


async def test_while_a_change_fails_back_is_what_serves(world: World, owner: Client) -> None:
    store(world, spec(), 1, 1)
    serving = store(world, spec(timeout=31), 2, 2)
    failing = store(world, spec(timeout=32), 3)
    standing(world, serving, failing, "False")
    assert (await owner.post(f"{AT}/rollback", {})).json["spec"]["timeout"] == 31


async def test_a_named_one(world: World, owner: Client) -> None:
    first = store(world, spec(), 1, 1)
    store(world, spec(timeout=31), 2, 2)
    third = store(world, spec(timeout=32), 3, 3)
    standing(world, third)
    assert (await owner.post(f"{AT}/rollback", {"revision": first})).json["spec"]["timeout"] == 30
    problem = (await owner.post(f"{AT}/rollback", {"revision": "nix"})).problem(404, "not-found")
    assert first in problem["detail"]


async def test_where_there_is_no_way_back(world: World, owner: Client) -> None:
    (await owner.post(f"{AT}/rollback", {})).problem(404, "not-found")
    name = store(world, spec(), 1, 1)
    standing(world, name)
    detail = (await owner.post(f"{AT}/rollback", {})).problem(409, "conflict")["detail"]
    assert "funkhaus function history hello" in detail
    older = revision_crd.manifest(PLACE, RevisionSpec(
        "hello", "python3.11", "r", "h.h", "d", "i", (), function_crd.parse_resources({}), 1, 1, Source(),
    ))  # fmt: skip
    older["metadata"] |= world.cluster.find(FUNCTION_REVISION, PLACE, name)["metadata"] | {
        "name": older["metadata"]["name"]
    }
    older["metadata"].pop("uid")
    world.cluster.put(older)
    body = {"revision": older["metadata"]["name"]}
    detail = (await owner.post(f"{AT}/rollback", body)).problem(409, "conflict")["detail"]
    assert "before sources were kept" in detail


async def test_todays_rules_judge_what_was_fine_once(world: World, owner: Client) -> None:
    store(world, spec(resources={"cpu": "4", "memory": "128Mi"}), 1, 1)
    new = store(world, spec(), 2, 2)
    standing(world, new)

    def ceiling(manifest: dict[str, Any]) -> None:
        if manifest["kind"] == "Function" and manifest["spec"]["resources"]["cpu"] == "4":
            finding = Finding("cpu-above-ceiling", "is above", "spec.resources.cpu", limit="1")
            raise PolicyError(finding.sentence, findings=[finding])

    world.cluster.admission = ceiling
    problem = (await owner.post(f"{AT}/rollback", {})).problem(403, "policy-denied")
    assert problem["findings"][0]["code"] == "cpu-above-ceiling"
    assert world.cluster.find(FUNCTION, PLACE, "hello")["spec"]["resources"]["cpu"] == "250m"


async def test_who_only_reads_goes_nowhere(world: World, owner: Client, viewer: Client) -> None:
    stranger = owner.holding(await world.token("red", Role.OWNER))
    store(world, spec(), 1, 1)
    new = store(world, spec(timeout=31), 2, 2)
    standing(world, new)
    assert len((await viewer.get(f"{AT}/revisions")).json["items"]) == 2
    (await viewer.post(f"{AT}/rollback", {})).problem(403, "forbidden")
    (await stranger.get(f"{AT}/revisions")).problem(404, "not-found")
    (await stranger.post(f"{AT}/rollback", {})).problem(404, "not-found")


@pytest.mark.parametrize("body", [{"revision": 3}, {"to": "x"}, {"revision": "x" * 65}])
async def test_a_body_that_says_something_else(owner: Client, body: Any) -> None:
    (await owner.post(f"{AT}/rollback", body)).problem(422, "invalid")


# ── promotion ──


def splits(world: World, *names: str, function: str = "hello") -> None:
    """Triggers whose calls are shared out."""
    for name in names:
        world.cluster.put(
            {
                "apiVersion": HTTP_TRIGGER.api_version,
                "kind": "HTTPTrigger",
                "metadata": {"namespace": PLACE, "name": name},
                "spec": {
                    "function": function,
                    "host": "x.blue.example.com",
                    "path": "/",
                    "backends": [{"revision": "current", "weight": 1}],
                },
            },
            "funkhaus-api",
        )


def seen(world: World) -> None:
    """The controller saw what is asked for."""
    live = world.cluster.find(FUNCTION, PLACE, "hello")
    status = live["status"] | {"observedGeneration": live["metadata"]["generation"]}
    world.cluster.write_status(FUNCTION, PLACE, "hello", status)


def split(world: World, name: str) -> bool:
    return "backends" in world.cluster.find(HTTP_TRIGGER, PLACE, name)["spec"]


async def test_the_one_that_serves_gets_all_calls(world: World, owner: Client) -> None:
    store(world, spec(), 1, 1)
    new = store(world, spec(timeout=31), 2, 2)
    standing(world, new)
    seen(world)
    splits(world, "web", "shop")
    splits(world, "other", function="other")
    dry = await owner.post(f"{AT}/promote?dryRun=true", {})
    assert (dry.json["done"], dry.json["triggers"]) == (False, ["shop", "web"])
    assert split(world, "web")
    found = await owner.post(f"{AT}/promote", {})
    assert (found.status, found.json["revision"], found.json["done"]) == (200, new, True)
    assert found.json["triggers"] == ["shop", "web"]
    assert not split(world, "web")
    assert not split(world, "shop")
    assert split(world, "other")
    assert world.cluster.subjects[-1].groups == ("fh:blue:owner",), "written as the user"
    rows = [row for row in world.memory.state.audit if row.action == "httptrigger:promote"]
    assert [row.detail for row in rows if "dryRun" not in row.detail] == [{"revision": new}] * 2
    again = await owner.post(f"{AT}/promote", {"revision": new})
    assert (again.status, again.json["done"], again.json["triggers"]) == (200, True, [])


async def test_another_one_serves_before_splits_end(world: World, owner: Client) -> None:
    old = store(world, spec(), 1, 1)
    new = store(world, spec(timeout=31), 2, 2)
    standing(world, new)
    seen(world)
    splits(world, "web")
    found = await owner.post(f"{AT}/promote", {"revision": old})
    assert (found.status, found.json["done"], found.json["revision"]) == (202, False, old)
    assert found.json["function"]["spec"]["timeout"] == 30
    assert split(world, "web")
    generation = world.cluster.find(FUNCTION, PLACE, "hello")["metadata"]["generation"]
    assert (await owner.post(f"{AT}/promote", {"revision": old})).status == 202
    assert world.cluster.find(FUNCTION, PLACE, "hello")["metadata"]["generation"] == generation
    standing(world, new, old, "Unknown")
    seen(world)
    assert (await owner.post(f"{AT}/promote", {"revision": old})).status == 202
    assert split(world, "web")
    standing(world, old)
    seen(world)
    found = await owner.post(f"{AT}/promote", {"revision": old})
    assert (found.status, found.json["triggers"]) == (200, ["web"])
    assert not split(world, "web")


async def test_what_was_deployed_a_moment_ago_is_not_taken_for_what_was_before(
    world: World, owner: Client
) -> None:
    store(world, spec(), 1, 1)
    new = store(world, spec(timeout=31), 2, 2)
    standing(world, new)
    seen(world)
    splits(world, "web")
    changed = {"spec": {"timeout": 33}}
    assert (await owner.patch(AT, changed)).status == 200
    detail = (await owner.post(f"{AT}/promote", {})).problem(409, "conflict")["detail"]
    assert "a moment ago" in detail
    assert world.cluster.find(FUNCTION, PLACE, "hello")["spec"]["timeout"] == 33


async def test_nothing_to_promote(world: World, owner: Client, viewer: Client) -> None:
    name = store(world, spec(), 1, 1)
    standing(world, name)
    seen(world)
    detail = (await owner.post(f"{AT}/promote", {})).problem(409, "conflict")["detail"]
    assert "no trigger of function 'hello' splits" in detail
    splits(world, "web")
    (await viewer.post(f"{AT}/promote", {})).problem(403, "forbidden")
    (await owner.post(f"{AT}/promote", {"revision": "nix"})).problem(404, "not-found")
    (await owner.post(f"{AT}/promote", {"to": name})).problem(422, "invalid")
    assert split(world, "web")


async def test_a_pinned_revision_is_said_to_be(world: World, owner: Client) -> None:
    old = store(world, spec(), 1, 1)
    new = store(world, spec(timeout=31), 2, 2)
    status = {"revision": new, "latestRevision": new, "pinnedRevisions": [old]}
    world.cluster.write_status(FUNCTION, PLACE, "hello", status)
    found = (await owner.get(f"{AT}/revisions")).json["items"]
    assert [item["state"] for item in found] == ["serving", "pinned"]
    assert (await owner.post(f"{AT}/rollback", {})).json["spec"]["timeout"] == 30
