"""Functions and triggers through the API: written as the user, told as they are."""

from __future__ import annotations

import asyncio
import io
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.errors import ForbiddenError, InvalidError
from funkhaus.domain.kinds import CRON_JOB_TRIGGER, FUNCTION, POD, TENANT_NAMESPACE
from funkhaus.domain.subject import Role
from funkhaus.manifests import labels
from funkhaus.manifests.build import COMPONENT
from funkhaus.ports import Answer
from tests.support.builds import tar_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.api import Client, World
    from tests.support.dialer import Sent

AT = "/v1/tenants/blue/namespaces/default"
SPEC: dict[str, Any] = {
    "runtime": "python3.11",
    "handler": "hello.handler",
    "source": {"inline": {"files": {"hello.py": "def handler(event, context): ..."}}},
}


async def deploy(owner: Client, name: str = "hello", **more: Any) -> None:
    made = await owner.post(f"{AT}/functions", {"name": name, "spec": SPEC | more})
    assert made.status == 201, made.body


def replica(world: World, name: str, **status: Any) -> None:
    world.cluster.put(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "namespace": "blue--default",
                "name": name,
                "labels": {"funkhaus.dev/function": "hello", "funkhaus.dev/revision": "hello-1"},
            },
            "status": {"phase": "Running", **status},
        }
    )


def service(world: World) -> None:
    world.cluster.put(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"namespace": "blue--default", "name": "hello"},
            "spec": {"clusterIP": "10.96.0.9", "ports": [{"port": 8080}]},
        }
    )


async def test_create_get_list_delete_as_the_user(world: World, owner: Client) -> None:
    await deploy(owner)
    subject = world.cluster.subjects[-1]
    assert subject.groups == ("fh:blue:owner",)
    assert subject.token_id
    found = (await owner.get(f"{AT}/functions/hello")).json
    assert (found["name"], found["namespace"], found["tenant"]) == ("hello", "default", "blue")
    assert found["spec"] == SPEC
    listed = (await owner.get(f"{AT}/functions")).json
    assert [item["name"] for item in listed["items"]] == ["hello"]
    assert listed["next"] == ""
    assert (await owner.delete(f"{AT}/functions/hello")).status == 204
    (await owner.get(f"{AT}/functions/hello")).problem(404, "not-found")
    (await owner.delete(f"{AT}/functions/hello")).problem(404, "not-found")


async def test_creating_twice_is_a_conflict_and_replacing_is_not(owner: Client) -> None:
    await deploy(owner, timeout=5)
    again = await owner.post(f"{AT}/functions", {"name": "hello", "spec": SPEC})
    assert "exists already" in again.problem(409, "conflict")["detail"]
    replaced = await owner.put(f"{AT}/functions/hello", {"spec": SPEC})
    assert replaced.status == 200
    assert "timeout" not in replaced.json["spec"]


async def test_a_dry_run_stores_nothing(world: World, owner: Client) -> None:
    path = f"{AT}/functions?dryRun=true"
    assert (await owner.post(path, {"name": "hello", "spec": SPEC})).status == 201
    assert not world.cluster.named(FUNCTION, "blue--default")


async def test_lists_are_bounded_and_say_so(owner: Client) -> None:
    for name in ("a", "b", "c"):
        await deploy(owner, name)
    page = await owner.get(f"{AT}/functions", params={"limit": 2})
    assert [item["name"] for item in page.json["items"]] == ["a", "b"]
    link = page.headers["Link"].removeprefix("<").partition(">")[0]
    last = await owner.get(link)
    assert [item["name"] for item in last.json["items"]] == ["c"]
    assert (last.json["next"], last.headers.get("Link")) == ("", None)


async def test_an_update_changes_what_it_names(owner: Client) -> None:
    await deploy(owner, timeout=5, resources={"cpu": "100m", "memory": "64Mi"})
    patch = {"spec": {"resources": {"cpu": "200m"}, "timeout": None}}
    changed = (await owner.patch(f"{AT}/functions/hello", patch)).json["spec"]
    assert changed == SPEC | {"resources": {"cpu": "200m", "memory": "64Mi"}}
    (await owner.patch(f"{AT}/functions/nix", patch)).problem(404, "not-found")


async def test_an_update_removes_what_kubectl_put_there(world: World, owner: Client) -> None:
    meta = {"namespace": "blue--default", "name": "hello"}
    manifest = {"apiVersion": "funkhaus.dev/v1alpha1", "kind": "Function", "metadata": meta}
    world.cluster.put({**manifest, "spec": {**SPEC, "timeout": 5}})
    changed = await owner.patch(f"{AT}/functions/hello", {"spec": {"timeout": None}})
    assert "timeout" not in changed.json["spec"]


async def test_what_kubectl_owns_is_not_taken_silently(world: World, owner: Client) -> None:
    meta = {"namespace": "blue--default", "name": "hello"}
    manifest = {"apiVersion": "funkhaus.dev/v1alpha1", "kind": "Function", "metadata": meta}
    world.cluster.put({**manifest, "spec": SPEC})
    other = {"spec": SPEC | {"handler": "other.handler"}}
    (await owner.put(f"{AT}/functions/hello", other)).problem(409, "conflict")
    assert (await owner.put(f"{AT}/functions/hello?force=true", other)).status == 200


async def test_schedules_by_the_api(world: World, owner: Client, viewer: Client) -> None:
    at = "/v1/tenants/blue/namespaces/default/cronjobtriggers"
    asked = {"function": "hello", "schedule": "@daily", "payload": {"a": 1}}
    assert (await owner.post(at, {"name": "nightly", "spec": asked})).status == 201
    changed = await owner.patch(f"{at}/nightly", {"spec": {"suspend": True}})
    assert changed.json["spec"] == asked | {"suspend": True}
    assert [item["name"] for item in (await viewer.get(at)).json["items"]] == ["nightly"]
    (await viewer.delete(f"{at}/nightly")).problem(403, "forbidden")
    assert (await owner.delete(f"{at}/nightly")).status == 204
    assert not world.cluster.named(CRON_JOB_TRIGGER, "blue--default")


async def test_scaling(owner: Client) -> None:
    await deploy(owner)
    body = {"min": 1, "max": 3, "cpuPercent": 70}
    scaled = await owner.put(f"{AT}/functions/hello/scaling", body)
    assert scaled.json["spec"]["scaling"] == body
    ended = await owner.delete(f"{AT}/functions/hello/scaling")
    assert ended.json["spec"]["scaling"] == {"min": 1, "max": 1, "cpuPercent": 80}


async def test_a_viewer_reads_and_changes_nothing(
    world: World, owner: Client, viewer: Client
) -> None:
    await deploy(owner)
    assert (await viewer.get(f"{AT}/functions/hello")).status == 200
    for method, path, body in (
        ("POST", "functions", {"name": "x", "spec": SPEC}),
        ("PUT", "functions/hello", {"spec": SPEC}),
        ("PATCH", "functions/hello", {"spec": {}}),
        ("DELETE", "functions/hello", None),
        ("POST", "functions/hello/call", None),
        ("POST", "httptriggers", {"name": "x", "spec": {}}),
    ):
        (await viewer.ask(method, f"{AT}/{path}", json=body)).problem(403, "forbidden")
    assert world.cluster.named(FUNCTION, "blue--default") == ("hello",)


async def test_a_namespace_on_its_way_is_not_a_refusal(world: World, owner: Client) -> None:
    world.cluster.write_status(TENANT_NAMESPACE, "", "blue--default", {})
    world.cluster.failure = lambda _, kind, *__: (
        ForbiddenError("functions is forbidden") if kind is FUNCTION else None
    )
    reply = await owner.post(f"{AT}/functions", {"name": "hello", "spec": SPEC})
    assert "being set up" in reply.problem(503, "unavailable")["detail"]


async def test_what_is_not_there_is_not_found_also_while_the_controller_catches_up(
    world: World, owner: Client
) -> None:
    """After an upgrade every namespace is told of its plan; until the controller saw that it stands as before."""
    told = world.cluster.find(TENANT_NAMESPACE, "", "blue--default")
    spec = {**told["spec"], "plan": "another"}
    world.cluster.put({**told, "spec": spec})
    now = world.cluster.find(TENANT_NAMESPACE, "", "blue--default")
    (ready,) = now["status"]["conditions"]
    assert now["metadata"]["generation"] > ready["observedGeneration"]
    for method, path, body in (
        ("GET", "functions/ghost", None),
        ("PATCH", "functions/ghost", {"spec": {}}),
        ("DELETE", "httptriggers/ghost", None),
    ):
        answer = await owner.ask(method, f"{AT}/{path}", json=body)
        assert "there is no" in answer.problem(404, "not-found")["detail"]
    there = "/v1/tenants/blue/namespaces/ghost"
    for path in (there, f"{there}/functions", f"{there}/functions/hello"):
        (await owner.get(path)).problem(404, "not-found")
    await deploy(owner)
    # Who may what in it is the controller's to write anew: there a no may be of yesterday.
    world.cluster.failure = lambda _, kind, *__: (
        ForbiddenError("functions is forbidden") if kind is FUNCTION else None
    )
    (await owner.get(f"{AT}/functions/hello")).problem(503, "unavailable")
    world.cluster.failure = lambda *_: None
    world.cluster.write_status(TENANT_NAMESPACE, "", "blue--default", {})
    (await owner.get(f"{AT}/functions/ghost")).problem(503, "unavailable")


async def test_triggers_have_the_same_six_requests(owner: Client) -> None:
    at = f"{AT}/httptriggers"
    spec = {"function": "hello", "path": "/"}
    assert (await owner.post(at, {"name": "web", "spec": spec})).status == 201
    changed = await owner.patch(f"{at}/web", {"spec": {"path": "/shop"}})
    assert changed.json["spec"]["path"] == "/shop"
    assert (await owner.put(f"{at}/web", {"spec": spec})).json["spec"] == spec
    assert [item["name"] for item in (await owner.get(at)).json["items"]] == ["web"]
    assert (await owner.get(f"{at}/web")).status == 200
    assert (await owner.delete(f"{at}/web")).status == 204


async def test_a_call_goes_to_the_service_with_the_platforms_headers_only(
    world: World, owner: Client
) -> None:
    async def function(_: Sent) -> Answer:
        return Answer(500, (("Content-Type", "text/plain"), ("X-Own", "1")), b"sorry")

    await deploy(owner, timeout=7)
    service(world)
    world.dialer.function = function
    called = await owner.ask(
        "PUT",
        f"{AT}/functions/hello/call?path=/a%20b&query=x%3D1",
        data=b"body",
        headers={"Event-Id": "forged", "X-Greeting": "moin", "Connection": "X-Hop", "X-Hop": "1"},
    )
    assert (called.status, called.body) == (500, b"sorry")
    assert called.headers["Funkhaus-Answered-By"] == "function"
    (sent,) = world.dialer.sent
    assert (sent.method, sent.url) == ("PUT", "http://10.96.0.9:8080/a%20b?x=1")
    assert sent.body == b"body"
    assert sent.header("x-greeting") == ["moin"]
    assert not sent.header("authorization")
    assert not sent.header("x-hop")
    assert len(sent.header("event-id")) == 1
    assert sent.header("event-id") != ["forged"]
    assert sent.header("event-time") == ["2026-01-01T00:00:00Z"]
    assert sent.header("event-namespace") == ["api.funkhaus.dev"]


async def test_a_call_before_there_is_an_address_says_why(world: World, owner: Client) -> None:
    await deploy(owner)
    condition = {"type": "Ready", "status": "False", "reason": "Building", "message": "wait"}
    world.cluster.write_status(FUNCTION, "blue--default", "hello", {"conditions": [condition]})
    reply = await owner.get(f"{AT}/functions/hello/call")
    assert "Building: wait" in reply.problem(503, "unavailable")["detail"]
    service(world)
    reply = await owner.get(f"{AT}/functions/hello/call")
    assert "no replica" in reply.problem(503, "unavailable")["detail"]
    (await owner.get(f"{AT}/functions/nix/call")).problem(404, "not-found")


@pytest.mark.parametrize("path", ["//evil.example/", "relative", "/" + "x" * 9000])
async def test_b30_a_call_never_leaves_its_function(world: World, owner: Client, path: str) -> None:
    await deploy(owner)
    service(world)
    reply = await owner.get(f"{AT}/functions/hello/call", params={"path": path})
    assert reply.status in {400, 422}
    assert not world.dialer.sent


async def test_logs_of_one_and_of_several_replicas(world: World, owner: Client) -> None:
    await deploy(owner)
    (await owner.get(f"{AT}/functions/hello/logs")).problem(409, "conflict")
    (await owner.get(f"{AT}/functions/nix/logs")).problem(404, "not-found")
    replica(world, "hello-1-a")
    world.cluster.log_lines["blue--default", "hello-1-a"] = [b"one\n", b"two\n"]
    alone = await owner.get(f"{AT}/functions/hello/logs", params={"tail": 1})
    assert alone.body == b"two\n"
    replica(world, "hello-1-b")
    together = (await owner.get(f"{AT}/functions/hello/logs?follow=true")).body.decode()
    assert sorted(together.splitlines())[:2] == ["[hello-1-a] one", "[hello-1-a] two"]
    assert "[hello-1-b] (no log: " in together
    (await owner.get(f"{AT}/functions/hello/logs?previous=true")).problem(404, "not-found")


async def test_the_log_of_a_build_is_its_pod_s_then_the_registry_s(
    world: World, owner: Client, tmp_path: Path
) -> None:
    await deploy(owner)
    at = f"{AT}/functions/hello/build/logs"
    (await owner.get(at)).problem(409, "conflict")
    (await owner.get(f"{AT}/functions/nix/build/logs")).problem(404, "not-found")
    marks = {labels.BUILD: "hello", labels.COMPONENT: COMPONENT}
    place = {"namespace": "blue--default"}
    for name, made in (("old", "2026-01-01T00:00:00Z"), ("new", "2026-01-02T00:00:00Z")):
        meta = {**place, "name": name, "labels": marks, "creationTimestamp": made}
        world.cluster.put({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {}})
        world.cluster.objects["Pod", "blue--default", name]["metadata"]["creationTimestamp"] = made
        world.cluster.log_lines["blue--default", name] = [f"{name}\n".encode()]
    assert (await owner.get(at)).body == b"new\n"
    for name in ("old", "new"):
        await world.cluster.delete(POD, "blue--default", name)
    key = "sha256:" + "1" * 64
    spec = {
        "function": "hello", "runtime": "python3.11", "runtimeImage": "r", "handler": "hello.handler", "sourceDigest": "s",
        "image": "i", "resources": {"cpu": "1", "memory": "1Gi"}, "timeout": 1, "concurrency": 1,
        "packages": {"layer": key, "key": key},
    }  # fmt: skip
    meta = {**place, "name": "hello-1", "labels": {labels.FUNCTION: "hello"}}
    kind = {"apiVersion": "funkhaus.dev/v1alpha1", "kind": "FunctionRevision"}
    world.cluster.put({**kind, "metadata": meta, "spec": spec})
    (await owner.get(at)).problem(409, "conflict")
    result = tmp_path / "result.tar"
    result.write_bytes(tar_of({"a.py": b""}))
    await world.registry.push_packages("packages/blue", key, result, b"kept\n")
    assert (await owner.get(at)).body == b"kept\n"


async def test_a_followed_log_ends_with_its_reader(world: World, owner: Client) -> None:
    ended = asyncio.Event()

    async def endless(*_: Any, **__: Any) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"tick\n"
                await asyncio.sleep(0.01)
        finally:
            ended.set()

    await deploy(owner)
    replica(world, "hello-1-a")
    world.cluster.logs = endless  # type: ignore[method-assign]
    headers = {"Authorization": f"Bearer {owner.token}"}
    url = f"{owner.url}{AT}/functions/hello/logs?follow=true"
    async with owner.session.get(url, headers=headers) as answer:
        assert await answer.content.readline() == b"tick\n"
        assert not ended.is_set()
        answer.close()
    async with asyncio.timeout(10):
        await ended.wait()


async def test_a_description_holds_what_one_asks_for(world: World, owner: Client) -> None:
    await deploy(owner)
    trigger = {"name": "web", "spec": {"function": "hello"}}
    await owner.post(f"{AT}/httptriggers", trigger)
    await owner.post(f"{AT}/httptriggers", {"name": "else", "spec": {"function": "other"}})
    killed = {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-01-01T00:00:00Z"}
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    container = {
        "ready": False, "restartCount": 3, "state": waiting, "lastState": {"terminated": killed},
    }  # fmt: skip
    replica(world, "hello-1-a", containerStatuses=[container])
    for name, about in (("e1", "hello-1-a"), ("e2", "stranger-1-a")):
        world.cluster.put(
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"namespace": "blue--default", "name": name},
                "involvedObject": {"kind": "Pod", "name": about},
                "type": "Warning",
                "reason": "BackOff",
                "message": "again",
                "lastTimestamp": "2026-01-01T00:00:00Z",
            }
        )
    document = (await owner.get(f"{AT}/functions/hello/description")).json
    assert document["function"]["name"] == "hello"
    assert [item["name"] for item in document["triggers"]] == ["web"]
    (pod,) = document["pods"]
    assert (pod["reason"], pod["restarts"], pod["ready"]) == ("CrashLoopBackOff", 3, False)
    assert pod["lastTermination"]["reason"] == "OOMKilled"
    assert [item["object"] for item in document["events"]] == ["Pod/hello-1-a"]
    assert world.cluster.named(POD, "blue--default") == ("hello-1-a",)


async def test_an_archive_is_looked_into_before_it_is_kept(world: World, owner: Client) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("hello.py", "x = 1")
    stored = await owner.ask("POST", f"{AT}/archives", data=buffer.getvalue())
    assert stored.status == 201
    digest = stored.json["digest"]
    assert world.registry.archives["sources/blue/default", digest] == buffer.getvalue()
    fetched = await owner.get(f"{AT}/archives/{digest}")
    assert (fetched.status, fetched.body) == (200, buffer.getvalue())
    for other in (f"sha256:{'0' * 64}", "sha256:..", "x"):
        (await owner.get(f"{AT}/archives/{other}")).problem(404, "not-found")
    reds = "/v1/tenants/red/namespaces/default/archives"
    (await owner.get(f"{reds}/{digest}")).problem(404, "not-found")
    refused = await owner.ask("POST", f"{AT}/archives", data=b"no archive")
    assert refused.problem(422, "invalid")["findings"][0]["code"] == "archive-format"


async def test_runtimes_are_everybodys(world: World, viewer: Client) -> None:
    for name, spec in (("python3.11", {"image": "r@sha256:1"}), ("broken", {})):
        meta = {"name": name}
        kind = {"apiVersion": "funkhaus.dev/v1alpha1", "kind": "Runtime", "metadata": meta}
        world.cluster.put({**kind, "spec": spec})
    items = (await viewer.get("/v1/runtimes")).json["items"]
    assert [(item["id"], item["status"]) for item in items] == [("python3.11", "active")]


async def test_every_act_and_every_no_is_in_the_audit_log(
    world: World, owner: Client, nobody: Client
) -> None:
    await deploy(owner)
    world.cluster.failure = lambda verb, *_: InvalidError("no") if verb == "apply" else None
    refused = await owner.put(f"{AT}/functions/hello", {"spec": SPEC})
    red = nobody.holding(await world.token("red", Role.OWNER))
    stranger = await red.get(f"{AT}/functions/hello")
    done, denied, hidden = world.memory.state.audit[-3:]
    assert (done.tenant, done.action, done.outcome) == ("blue", "function:create", "done")
    assert (denied.action, denied.outcome) == ("function:apply", "denied")
    assert denied.request_id == refused.headers["X-Request-Id"]
    assert denied.detail["message"] == "no"
    # What somebody tried on a tenant that is not theirs is the platform's to see, not that tenant's.
    assert (hidden.tenant, hidden.detail["tenant"], hidden.outcome) == ("", "blue", "denied")
    assert hidden.request_id == stranger.headers["X-Request-Id"]
