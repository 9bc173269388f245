"""Dependencies: built once, looked at until they are there, and never in the way of what serves."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain import packages
from funkhaus.domain.build import BuildRules
from funkhaus.domain.errors import UnavailableError
from funkhaus.domain.function import Function, FunctionSpec, Source
from funkhaus.domain.kinds import FUNCTION, JOB
from funkhaus.domain.runtime import Builder
from funkhaus.domain.tenant import Suspension
from funkhaus.manifests import build as builders
from funkhaus.manifests import labels
from funkhaus.manifests.labels import Site
from tests.support.builds import FakeResults, Result, member, tar, tar_of
from tests.support.materials import BUILD_IMAGE, NEWER_BASE, NS, House

if TYPE_CHECKING:
    from pathlib import Path

FILES = {"requests/__init__.py": b"x = 1\n"}


def job(house: House, number: int = 0) -> dict[str, Any]:
    """One of the namespace's builds."""
    return house.cluster.find(JOB, NS, house.cluster.named(JOB, NS)[number])


def pod(house: House, status: dict[str, Any], number: int = 0) -> None:
    """The pod of a build, with this status."""
    made = job(house, number)
    name = f"{made['metadata']['name']}-x"
    marks = {**made["metadata"]["labels"], "batch.kubernetes.io/job-name": made["metadata"]["name"]}
    meta = {"namespace": NS, "name": name, "labels": marks}
    house.cluster.put(
        {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {}, "status": status}
    )


def serve(house: House, content: bytes, number: int = 0) -> Result:
    """Have a build finished, with this result to fetch."""
    ready, host = [{"type": "Ready", "status": "True"}], f"10.0.0.{number}"
    pod(house, {"phase": "Running", "podIP": host, "conditions": ready}, number)
    result = Result(builders.secret_of(job(house, number)), content)
    house.results.served[host] = result
    return result


def end(house: House, kind: str, reason: str = "", message: str = "") -> None:
    """Have the first build's Job ended."""
    condition = {"type": kind, "status": "True", "reason": reason, "message": message}
    house.cluster.write_status(JOB, NS, job(house)["metadata"]["name"], {"conditions": [condition]})


async def built(house: House, name: str = "hello", **spec: Any) -> str:
    """A function with dependencies, built; its revision."""
    house.function(name, dependencies="requests==2\n", **spec)
    await house.reconcile(name)
    serve(house, tar_of(FILES))
    await house.reconcile(name)
    revision: str = house.status(name)["latestRevision"]
    return revision


async def test_a_build_is_a_restricted_job(house: House) -> None:
    house.function(dependencies="# mine\nrequests == 2\n")
    result = await house.reconcile()
    assert (result.outcome, result.after) == ("building", 2.0)
    status, reason, message = house.condition("Built")
    name = job(house)["metadata"]["name"]
    assert (status, reason) == ("False", "Building")
    assert message.startswith(f"job {name} installs 1 package; `funkhaus build logs hello`")
    assert house.condition("Ready")[:2] == ("Unknown", "Building")
    assert house.condition("Degraded")[0] == "False"
    spec = job(house)["spec"]["template"]["spec"]
    told = {item["name"]: item["value"] for item in spec["containers"][0]["env"]}
    assert told["FUNKHAUS_BUILD_REQUIREMENTS"] == "requests==2\n"
    assert spec["containers"][0]["image"] == BUILD_IMAGE
    assert spec["automountServiceAccountToken"] is False
    assert house.registry.pushes == []


async def test_how_long_it_takes_is_told_in_steps(house: House) -> None:
    house.function(dependencies="requests==2\n")
    await house.reconcile()
    job(house)["metadata"]["creationTimestamp"] = house.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    pod(house, {"phase": "Running"})
    house.clock.pass_seconds(34)
    await house.reconcile()
    assert "since 30 s;" in house.condition("Built")[2]
    writes = len(house.cluster.writes)
    house.clock.pass_seconds(2)
    await house.reconcile()
    assert len(house.cluster.writes) == writes, "a look alone writes nothing"


def held_up(reason: str, message: str = "") -> dict[str, Any]:
    """The status of a pod whose container waits."""
    waiting = {"reason": reason, "message": message}
    return {"containerStatuses": [{"state": {"waiting": waiting}}]}


UNPLACED = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes: full. More."}


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (held_up("ErrImagePull", "no such image"), "can't start: no such image"),
        ({"conditions": [UNPLACED]}, "waits for a place: 0/1 nodes: full"),
        (held_up("ContainerCreating"), "build logs hello"),
    ],
)
async def test_what_keeps_a_pod_is_said(house: House, status: dict[str, Any], words: str) -> None:
    house.function(dependencies="requests==2\n")
    await house.reconcile()
    pod(house, status)
    await house.reconcile()
    assert words in house.condition("Built")[2]


async def test_without_a_pod_the_quota_is_named(house: House) -> None:
    house.function(dependencies="requests==2\n")
    await house.reconcile()
    job(house)["metadata"]["creationTimestamp"] = house.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    house.clock.pass_seconds(15)
    await house.reconcile()
    assert "no pod yet; the namespace's quota" in house.condition("Built")[2]


async def test_what_was_built_becomes_a_layer_of_the_image(house: House) -> None:
    house.function(dependencies="requests==2\n")
    await house.reconcile()
    result = serve(house, tar_of(FILES))
    await house.reconcile()
    assert result.ended == "", "the pod may end"
    assert house.cluster.named(JOB, NS) == ()
    assert house.condition("Built")[:2] == ("True", "Assembled")
    (image,) = house.registry.pushes
    layer = house.registry.packages_of[image]
    assert layer is not None
    assert layer.repository == packages.repository("demo")
    (key,) = house.registry.layers
    assert house.registry.layers[key][1] == b"installed\n", "its log is kept"


async def test_the_revision_pins_the_layer_and_asks_for_it_again(house: House) -> None:
    revision = await built(house)
    stored = house.cluster.find(FUNCTION, NS, "hello")
    spec = house.cluster.objects["FunctionRevision", NS, revision]["spec"]
    (layer, _), (_, key) = (
        next(iter(house.registry.layers.values())),
        next(iter(house.registry.layers)),
    )
    assert spec["packages"] == {"layer": layer.digest, "key": key}
    assert spec["dependencies"] == stored["spec"]["dependencies"]
    house.registry.layers.clear()
    house.install(NEWER_BASE)
    house.function(dependencies="requests==2 # the same\n")
    await house.reconcile()
    assert house.status()["latestRevision"] == revision, "comments make no revision"
    assert house.cluster.named(JOB, NS) == ()


async def test_another_function_and_other_source_build_nothing(house: House) -> None:
    await built(house)
    source = {"inline": {"files": {"hello.py": "def handler(e, c): return 2"}}}
    house.function("other", dependencies="requests==2\n", source=source)
    house.function(dependencies="requests==2\n", source=source)
    await house.reconcile("other")
    await house.reconcile()
    assert house.cluster.named(JOB, NS) == ()
    assert house.condition("Built", "other")[0] == "True"
    assert len(house.registry.layers) == 1
    assert len(house.registry.pushes) == 3


async def test_a_newer_runtime_is_built_for_anew(house: House) -> None:
    await built(house)
    house.install(NEWER_BASE)
    house.function(dependencies="requests==2\n", timeout=31)
    await house.reconcile()
    assert house.condition("Built")[1] == "Building"
    assert len(house.cluster.named(JOB, NS)) == 1


async def test_a_neighbour_waits_for_the_same_build(house: House) -> None:
    house.function(dependencies="requests==2\n")
    house.function("other", dependencies="requests==2\n")
    await house.reconcile()
    await house.reconcile("other")
    assert len(house.cluster.named(JOB, NS)) == 1
    assert "job hello-build-" in house.condition("Built", "other")[2]
    serve(house, tar_of(FILES))
    await house.reconcile()
    await house.reconcile("other")
    assert house.condition("Built", "other")[0] == "True"


async def test_a_build_nobody_waits_for_is_ended(house: House) -> None:
    house.function(dependencies="requests==2\n")
    await house.reconcile()
    (first,) = house.cluster.named(JOB, NS)
    house.function(dependencies="requests==3\n")
    await house.reconcile()
    (second,) = house.cluster.named(JOB, NS)
    assert first != second
    house.function()
    house.cluster.find(FUNCTION, NS, "hello")["spec"].pop("dependencies", None)
    await house.reconcile()
    assert house.cluster.named(JOB, NS) == ()


async def test_a_failed_build_says_why_and_leaves_what_serves(house: House) -> None:
    house.function()
    await house.reconcile()
    old = house.serving()
    house.ready(old)
    await house.reconcile()
    house.function(dependencies="requests==2\n")
    await house.reconcile()
    assert f"revision {old} goes on serving" in house.condition("Ready")[2]
    last = {"exitCode": 3, "reason": "Error", "message": "ERROR: No matching distribution found"}
    pod(house, {"phase": "Failed", "containerStatuses": [{"name": "build", "state": {"terminated": last}}]})  # fmt: skip
    end(house, "Failed", "PodFailurePolicy")
    result = await house.reconcile()
    assert result.outcome == "held"
    status, reason, message = house.condition("Built")
    assert (status, reason) == ("False", "BuildFailed")
    assert "could not be installed: ERROR: No matching distribution found\nChange" in message
    assert house.condition("Ready")[:2] == ("False", "BuildFailed")
    assert house.serving() == old
    assert len(house.cluster.named(JOB, NS)) == 1, "it is the memory of the failure"


@pytest.mark.parametrize(
    ("reason", "state", "words"),
    [
        ("DeadlineExceeded", {}, "took longer than 600 s"),
        ("BackoffLimitExceeded", {"reason": "OOMKilled", "exitCode": 137}, "more memory than a build has"),
        ("BackoffLimitExceeded", {}, "its pod is gone"),
    ],
)  # fmt: skip
async def test_how_it_failed(house: House, reason: str, state: dict[str, Any], words: str) -> None:
    house.function(dependencies="requests==2\n")
    await house.reconcile()
    if state:
        pod(house, {"containerStatuses": [{"name": "build", "state": {"terminated": state}}]})
    end(house, "Failed", reason)
    await house.reconcile()
    assert words in house.condition("Built")[2]


async def test_a_change_tries_again_and_no_change_does_not(house: House) -> None:
    house.function(dependencies="requests==2\n")
    await house.reconcile()
    first = job(house)["metadata"]["uid"]
    end(house, "Failed", "PodFailurePolicy")
    await house.reconcile()
    await house.reconcile()
    assert job(house)["metadata"]["uid"] == first
    house.function(dependencies="requests==2\n", timeout=31)
    assert (await house.reconcile()).outcome == "building"
    assert (await house.reconcile()).outcome == "building"
    assert job(house)["metadata"]["uid"] != first


async def test_an_index_that_is_away_is_asked_again_after_a_while(house: House) -> None:
    house.function(dependencies="requests==2\n")
    await house.reconcile()
    first = job(house)["metadata"]["uid"]
    away = {"exitCode": 5, "message": "the package index does not answer: NewConnectionError"}
    pod(house, {"containerStatuses": [{"name": "build", "state": {"terminated": away}}]})
    end(house, "Failed", "BackoffLimitExceeded")
    conditions = job(house)["status"]["conditions"]
    conditions[0]["lastTransitionTime"] = house.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    await house.reconcile()
    assert house.condition("Built")[1] == "BuildFailed"
    due = (house.clock.now() + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert f"NewConnectionError; it is tried again at {due}" in house.condition("Built")[2]
    house.clock.pass_seconds(290)
    await house.reconcile()
    assert job(house)["metadata"]["uid"] == first
    house.clock.pass_seconds(11)
    await house.reconcile()
    await house.reconcile()
    assert job(house)["metadata"]["uid"] != first


async def test_what_the_user_has_to_mend_is_tried_again_a_day_later(house: House) -> None:
    house.function(dependencies="requests==2\n")
    await house.reconcile()
    end(house, "Failed", "PodFailurePolicy")
    await house.reconcile()
    assert "is tried again a day after it failed" in house.condition("Built")[2]
    conditions = job(house)["status"]["conditions"]
    conditions[0]["lastTransitionTime"] = house.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    await house.reconcile()
    due = (house.clock.now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert house.condition("Built")[2].startswith("the dependencies could not be installed: ")
    assert f"Unchanged, it is tried again at {due}" in house.condition("Built")[2]


def test_a_pod_that_was_evicted_fails_no_build(house: House) -> None:
    builder, source = Builder(BUILD_IMAGE, ("build",)), Source(url="https://x.example/a.zip")
    assert house.rules.upstream
    work = builders.fetching("sha256:" + "0" * 64, source, builder, house.rules.upstream)
    function = Function(NS, "hello", FunctionSpec("python3.11", "hello.handler", source))
    made = builders.job(Site(NS, "demo", "main"), function, work, house.rules, "s")
    first = made["spec"]["podFailurePolicy"]["rules"][0]
    assert first == {
        "action": "Ignore",
        "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
    }


async def test_a_layer_the_registry_lost_is_built_again(house: House) -> None:
    house.function(dependencies="requests==2\n")
    await house.reconcile()
    first = job(house)["metadata"]["uid"]
    end(house, "Complete")
    await house.reconcile()
    await house.reconcile()
    assert job(house)["metadata"]["uid"] != first


async def test_a_result_with_a_link_is_refused_with_words(house: House) -> None:
    house.function(dependencies="requests==2\n")
    await house.reconcile()
    result = serve(house, tar(member("x", type=b"2", linkname="/etc/passwd")))
    await house.reconcile()
    assert house.condition("Built")[1] == "BuildFailed"
    assert "a link or a device" in house.condition("Built")[2]
    assert result.ended is not None
    assert "a link or a device" in result.ended
    assert house.registry.layers == {}


async def test_an_address_that_is_somebody_else_s_by_now(house: House) -> None:
    house.function(dependencies="requests==2\n")
    await house.reconcile()
    serve(house, tar_of(FILES)).secret = "another"
    result = await house.reconcile()
    assert result.outcome == "building"
    assert "not the build's pod; it is tried again" in house.condition("Built")[2]
    assert house.registry.layers == {}


async def test_a_registry_that_is_away_costs_no_build(house: House) -> None:
    house.function(dependencies="requests==2\n")
    await house.reconcile()
    result = serve(house, tar_of(FILES))
    house.registry.failure = lambda: UnavailableError("the registry can't be reached")
    with pytest.raises(UnavailableError):
        await house.reconcile()
    assert result.ended is None, "the result waits"
    house.registry.failure = lambda: None
    await house.reconcile()
    assert house.condition("Built")[0] == "True"


async def test_builds_at_once_are_bounded(house: House) -> None:
    for name, version in (("a", 1), ("b", 2), ("c", 3)):
        house.function(name, dependencies=f"requests=={version}\n")
        await house.reconcile(name)
    assert len(house.cluster.named(JOB, NS)) == 2
    status, reason, message = house.condition("Built", "c")
    assert (status, reason) == ("False", "BuildQueued")
    assert "2 builds of tenant demo run, 2 may at once" in message
    assert house.condition("Ready", "c")[0] == "Unknown"
    end(house, "Failed")
    await house.reconcile("c")
    assert house.condition("Built", "c")[1] == "Building"


async def test_builds_a_day_are_counted(house: House) -> None:
    async with house.stores.begin("demo") as work:
        hard = (await work.ledger.account("main")).hard.builds_per_day
        for number in range(hard - 1):
            await work.builds.note("main", str(number), house.clock.now())
    house.function(dependencies="requests==2\n")
    await house.reconcile()
    await house.reconcile()
    assert house.condition("Built")[1] == "Building", "the last of them, counted once"
    house.function("other", dependencies="requests==3\n")
    assert (await house.reconcile("other")).outcome == "held"
    assert house.condition("Built", "other")[:2] == ("False", "QuotaExceeded")
    assert f"has begun {hard} builds in the last 24 hours" in house.condition("Built", "other")[2]
    assert len(house.cluster.named(JOB, NS)) == 1
    house.clock.pass_seconds(24 * 3600 + 1)
    await house.reconcile("other")
    assert house.condition("Built", "other")[1] == "Building"


async def test_all_tenants_together_are_bounded() -> None:
    house = House(BuildRules(House().rules.index, at_once=1, at_once_tenant=1))
    await house.settle_in()
    house.function(dependencies="requests==2\n")
    foreign = (
        builders.marks("x", builders.PACKAGES, "sha256:" + "0" * 64)
        | labels.MANAGED
        | {labels.TENANT: "other"}
    )
    house.cluster.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other--x"}})
    meta = {"namespace": "other--x", "name": "x", "labels": foreign}
    house.cluster.put({"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": {}})
    await house.reconcile()
    assert "1 builds of all tenants run" in house.condition("Built")[2]


@pytest.mark.parametrize(
    ("builder", "words"),
    [(False, "installs no dependencies here"), (True, "FUNKHAUS_BUILD_INDEX_URL")],
)
async def test_where_nothing_can_be_built(*, builder: bool, words: str) -> None:
    house = House(BuildRules())
    await house.settle_in()
    if not builder:
        house.cluster.objects["Runtime", "", "python3.11"]["spec"].pop("build")
    house.function(dependencies="requests==2\n")
    await house.reconcile()
    assert house.condition("Built")[:2] == ("False", "BuildsMissing")
    assert words in house.condition("Built")[2]
    assert house.cluster.named(JOB, NS) == ()


async def test_a_tenant_that_rests_builds_nothing(house: House) -> None:
    house.function(dependencies="requests==2\n")
    await house.reconcile()
    async with house.stores.begin("demo") as work:
        await work.lifecycle.suspend(Suspension(house.clock.now(), "unpaid", "admin"))
    assert (await house.reconcile()).outcome == "resting"
    assert house.cluster.named(JOB, NS) == ()


async def test_results_that_wait_keep_no_worker(house: House) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()

    class Slow(FakeResults):
        async def fetch(self, host: str, secret: str, into: Path) -> None:
            started.set()
            await go_on.wait()
            await super().fetch(host, secret, into)

    house = House(results=Slow(), builds=BuildRules(house.rules.index, at_once_tenant=9))
    await house.settle_in()
    for number, name in enumerate(("a", "b", "c")):
        house.function(name, dependencies=f"requests=={number}\n")
        await house.reconcile(name)
        serve(house, tar_of(FILES), number)
    slow = [asyncio.create_task(house.reconcile(name)) for name in ("a", "b")]
    await started.wait()
    await asyncio.sleep(0)
    assert (await house.reconcile("c")).outcome == "building"
    assert "2 others are being read; it is tried again" in house.condition("Built", "c")[2]
    go_on.set()
    await asyncio.gather(*slow)
    await house.reconcile("c")
    assert {house.condition("Built", name)[0] for name in ("a", "b", "c")} == {"True"}


async def test_a_stranger_s_job_is_never_adopted(house: House) -> None:
    house.function(dependencies="requests==2\n")
    await house.reconcile()
    own = job(house)
    name = own["metadata"]["name"]
    await house.cluster.twin("kubectl").delete(JOB, NS, name)
    marks = own["metadata"]["labels"]
    meta = {"namespace": NS, "name": name, "labels": marks}
    house.cluster.put({"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": {}})
    assert (await house.reconcile()).outcome == "refused"
    assert house.condition("Ready")[1] == "Conflict"


def test_pods_of_builds_are_no_replicas() -> None:
    assert labels.FUNCTION not in builders.marks("hello", builders.PACKAGES, "sha256:" + "0" * 64)
