"""A Function becomes objects, and stays what it is until something better is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.errors import UnavailableError
from funkhaus.domain.kinds import (
    AUTOSCALER,
    DEPLOYMENT,
    EVENT,
    FUNCTION,
    FUNCTION_REVISION,
    SERVICE,
    SERVICE_ACCOUNT,
)
from tests.support.materials import BASE, NEWER_BASE, NS, ended, waiting

if TYPE_CHECKING:
    from tests.support.materials import House


async def deployed(house: House, **spec: Any) -> str:
    """A function that serves; its revision."""
    house.function(**spec)
    await house.reconcile()
    revision: str = house.status()["latestRevision"]
    house.ready(revision)
    await house.reconcile()
    return revision


async def test_a_function_becomes_its_objects_and_is_ready_when_they_are(house: House) -> None:
    house.function()
    result = await house.reconcile()
    assert result.outcome == "done"
    revision = house.serving()
    assert house.cluster.named(FUNCTION_REVISION, NS) == (revision,)
    assert house.cluster.named(DEPLOYMENT, NS) == (revision,)
    assert house.cluster.named(SERVICE, NS) == ("hello", revision)
    assert house.cluster.named(SERVICE_ACCOUNT, NS) == ("hello",)
    assert house.condition("Ready")[:2] == ("Unknown", "Starting")
    house.ready(revision)
    await house.reconcile()
    assert house.condition("Ready") == (
        "True",
        "Serving",
        f"revision {revision} serves with 1/1 replicas",
    )
    assert house.condition("Degraded")[0] == "False"
    status = house.status()
    assert (status["revision"], status["latestRevision"]) == (revision, revision)
    assert status["replicas"] == {"desired": 1, "ready": 1, "summary": "1/1"}
    assert status["observedGeneration"] == 1


async def test_a_second_round_writes_nothing(house: House) -> None:
    await deployed(house, scaling={"min": 1, "max": 3, "cpuPercent": 80})
    await house.reconcile()
    house.cluster.writes.clear()
    asked = len(house.decider.asked)
    await house.reconcile()
    assert house.cluster.writes == []
    assert len(house.decider.asked) == asked
    assert len(house.registry.pushes) == 1


async def test_the_old_revision_serves_until_the_new_one_is_ready(house: House) -> None:
    old = await deployed(house)
    house.function(timeout=31)
    await house.reconcile()
    status = house.status()
    new = status["latestRevision"]
    assert new != old
    assert house.serving() == old
    assert status["revision"] == old
    assert house.condition("Ready")[:2] == ("Unknown", "RollingOut")
    assert f"{old} goes on serving" in house.condition("Ready")[2]
    house.ready(new)
    result = await house.reconcile()
    assert house.serving() == new
    assert house.condition("Ready")[0] == "True"
    assert old in house.cluster.named(DEPLOYMENT, NS), "calls in flight are still there"
    assert result.after == 15
    house.clock.pass_seconds(16)
    await house.reconcile()
    assert house.cluster.named(DEPLOYMENT, NS) == (new,)
    assert house.cluster.named(SERVICE, NS) == ("hello", new)
    assert house.cluster.named(FUNCTION_REVISION, NS) == tuple(sorted((old, new)))


async def test_a_new_revision_comes_up_as_wide_as_the_old_one_is(house: House) -> None:
    old = await deployed(house, scaling={"min": 1, "max": 5, "cpuPercent": 80})
    await house.cluster.merge_patch(DEPLOYMENT, NS, old, {"spec": {"replicas": 4}})
    house.ready(old)
    house.function(timeout=31, scaling={"min": 1, "max": 5, "cpuPercent": 80})
    await house.reconcile()
    new = house.status()["latestRevision"]
    assert house.cluster.find(DEPLOYMENT, NS, new)["spec"]["replicas"] == 4
    house.ready(new, 3)
    await house.reconcile()
    assert house.serving() == old
    house.ready(new)
    await house.reconcile()
    assert house.serving() == new
    target = house.cluster.find(AUTOSCALER, NS, "hello")["spec"]["scaleTargetRef"]
    assert target["name"] == new


async def test_a_new_revision_that_fails_leaves_the_old_one_serving(house: House) -> None:
    old = await deployed(house)
    house.function(handler="hello.other")
    await house.reconcile()
    new = house.status()["latestRevision"]
    house.pod(new, waiting("CrashLoopBackOff"))
    house.pod(new, ended(1, "Error", "2026-01-01T00:00:00Z", "there is no 'other'"), "pod-2")
    await house.reconcile()
    status, reason, message = house.condition("Ready")
    assert (status, reason) == ("False", "ReplicaEnded")
    assert f"revision {new} does not become ready" in message
    assert "there is no 'other'" in message
    assert f"revision {old} goes on serving" in message
    assert house.serving() == old
    assert house.condition("Degraded")[0] == "True"


async def test_going_back_finds_the_old_revision_again(house: House) -> None:
    old = await deployed(house)
    house.function(timeout=31)
    await house.reconcile()
    house.function()
    await house.reconcile()
    assert house.status()["latestRevision"] == old
    assert len(house.registry.pushes) == 1, "a timeout is no reason for another image"
    assert house.condition("Ready")[0] == "True"


async def test_b28_a_newer_runtime_image_waits_for_the_next_change(house: House) -> None:
    old = await deployed(house)
    house.install(NEWER_BASE)
    await house.reconcile()
    assert house.status()["latestRevision"] == old
    house.function(scaling={"min": 2, "max": 2, "cpuPercent": 80})
    await house.reconcile()
    assert house.status()["latestRevision"] == old
    house.function(timeout=31)
    await house.reconcile()
    new = house.cluster.find(FUNCTION_REVISION, NS, house.status()["latestRevision"])
    assert new["spec"]["runtimeImage"] == NEWER_BASE
    assert house.cluster.find(FUNCTION_REVISION, NS, old)["spec"]["runtimeImage"] == BASE


async def test_fixed_replicas_are_set_and_kept(house: House) -> None:
    revision = await deployed(house, scaling={"min": 3, "max": 3, "cpuPercent": 80})
    assert house.cluster.find(DEPLOYMENT, NS, revision)["spec"]["replicas"] == 3
    await house.cluster.twin("kubectl").merge_patch(
        DEPLOYMENT, NS, revision, {"spec": {"replicas": 1}}
    )
    await house.reconcile()
    assert house.cluster.find(DEPLOYMENT, NS, revision)["spec"]["replicas"] == 3
    assert house.cluster.named(AUTOSCALER, NS) == ()


async def test_while_an_autoscaler_decides_replicas_are_never_written(house: House) -> None:
    revision = await deployed(house, scaling={"min": 1, "max": 5, "cpuPercent": 70})
    spec = house.cluster.find(AUTOSCALER, NS, "hello")["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (1, 5)
    autoscaler = house.cluster.twin("kube-controller-manager")
    await autoscaler.merge_patch(DEPLOYMENT, NS, revision, {"spec": {"replicas": 4}})
    house.cluster.writes.clear()
    await house.reconcile()
    assert not [write for write in house.cluster.writes if write[1] == "Deployment"]
    assert house.cluster.find(DEPLOYMENT, NS, revision)["spec"]["replicas"] == 4


async def test_an_autoscaler_that_is_no_longer_wanted_goes_and_replicas_follow(
    house: House,
) -> None:
    revision = await deployed(house, scaling={"min": 1, "max": 5, "cpuPercent": 70})
    await house.cluster.merge_patch(DEPLOYMENT, NS, revision, {"spec": {"replicas": 4}})
    house.function(scaling={"min": 2, "max": 2, "cpuPercent": 70})
    result = await house.reconcile()
    assert house.cluster.named(AUTOSCALER, NS) == ()
    assert result.after == 0
    await house.reconcile()
    assert house.cluster.find(DEPLOYMENT, NS, revision)["spec"]["replicas"] == 2


@pytest.mark.parametrize("kind", [DEPLOYMENT, SERVICE, SERVICE_ACCOUNT, AUTOSCALER])
async def test_b10_what_somebody_deletes_comes_back(house: House, kind: object) -> None:
    revision = await deployed(house, scaling={"min": 1, "max": 2, "cpuPercent": 80})
    name = revision if kind is DEPLOYMENT else "hello"
    await house.cluster.twin("kubectl").delete(kind, NS, name)  # type: ignore[arg-type]
    await house.reconcile()
    assert house.cluster.find(kind, NS, name)  # type: ignore[arg-type]


async def test_what_somebody_bends_is_bent_back(house: House) -> None:
    revision = await deployed(house)
    live = house.cluster.find(DEPLOYMENT, NS, revision)
    container = live["spec"]["template"]["spec"]["containers"][0]
    container["image"] = "evil:latest"
    house.cluster.find(SERVICE, NS, "hello")["spec"]["type"] = "NodePort"
    await house.reconcile()
    live = house.cluster.find(DEPLOYMENT, NS, revision)
    assert live["spec"]["template"]["spec"]["containers"][0]["image"].startswith("registry.test/")
    assert house.cluster.find(SERVICE, NS, "hello")["spec"]["type"] == "ClusterIP"


@pytest.mark.parametrize("kind", ["Service", "ServiceAccount", "HorizontalPodAutoscaler"])
async def test_a_strangers_object_is_never_adopted(house: House, kind: str) -> None:
    versions = {"HorizontalPodAutoscaler": "autoscaling/v2"}
    stranger = house.cluster.put(
        {
            "apiVersion": versions.get(kind, "v1"),
            "kind": kind,
            "metadata": {"namespace": NS, "name": "hello"},
            "spec": {"mine": True},
        }
    )
    house.function(scaling={"min": 1, "max": 2, "cpuPercent": 80})
    result = await house.reconcile()
    assert result.outcome == "refused"
    status, reason, message = house.condition("Ready")
    assert (status, reason) == ("False", "Conflict")
    assert f"a {kind} named 'hello' exists" in message
    key = (kind, NS, "hello")
    assert house.cluster.objects[key] == stranger
    await house.cluster.twin("kubectl").delete(
        next(item for item in (SERVICE, SERVICE_ACCOUNT, AUTOSCALER) if item.name == kind),
        NS,
        "hello",
    )
    await house.reconcile()
    assert house.condition("Ready")[0] == "Unknown"


async def test_a_refusal_holds_the_update_and_says_why(house: House) -> None:
    old = await deployed(house)
    house.function(
        resources={"cpu": "3", "memory": "128Mi"}, scaling={"min": 5, "max": 9, "cpuPercent": 80}
    )
    result = await house.reconcile()
    assert result.outcome == "held"
    assert house.condition("Admitted")[:2] == ("False", "PolicyDenied")
    assert "ceiling of 1" in house.condition("Admitted")[2]
    assert house.condition("Ready")[:2] == ("False", "PolicyDenied")
    assert f"{old} goes on serving" in house.condition("Ready")[2]
    assert house.serving() == old
    assert house.cluster.named(AUTOSCALER, NS) == (), "the scaling was refused too"
    assert "replicas" not in house.cluster.find(DEPLOYMENT, NS, old)["spec"]
    await house.cluster.delete(DEPLOYMENT, NS, old)
    await house.reconcile()
    assert house.cluster.named(DEPLOYMENT, NS) == (old,), "what serves is kept up all the same"


async def test_without_a_verdict_nothing_new_is_run(house: House) -> None:
    house.decider.error = UnavailableError("the house rules could not be asked")
    house.function()
    with pytest.raises(UnavailableError):
        await house.reconcile()
    assert house.cluster.named(DEPLOYMENT, NS) == ()
    assert house.condition("Degraded")[:2] == ("True", "Unavailable")
    house.decider.error = None
    await house.reconcile()
    assert len(house.cluster.named(DEPLOYMENT, NS)) == 1
    assert house.condition("Degraded")[0] == "False"


async def test_a_registry_that_is_away_is_waited_for(house: House) -> None:
    house.registry.failure = lambda: UnavailableError("the registry can't be reached")
    house.function()
    with pytest.raises(UnavailableError):
        await house.reconcile()
    assert "the registry can't be reached" in house.condition("Degraded")[2]
    house.registry.failure = lambda: None
    await house.reconcile()
    assert house.condition("Built")[0] == "True"


async def test_a_namespace_of_no_tenant_runs_nothing(house: House) -> None:
    manifest = house.function()
    manifest["metadata"] = {"namespace": "default", "name": "hello"}
    house.cluster.put(manifest)
    await house.functions.reconcile("default", "hello")
    assert house.cluster.named(DEPLOYMENT, "default") == ()
    stored = house.cluster.find(FUNCTION, "default", "hello")
    assert {item["reason"] for item in stored["status"]["conditions"]} == {"NamespaceForeign"}


@pytest.mark.parametrize(
    ("spec", "reason", "words"),
    [
        ({"runtime": "cobol"}, "RuntimeMissing", "no runtime 'cobol'"),
        ({"handler": "other.handler"}, "HandlerMissing", "needs a file 'other.py'; the source has hello.py"),
        ({"dependencies": "a==1\n-e .\n"}, "DependenciesRefused", "2 (editable)"),
        ({"resources": {"cpu": "1"}}, "ResourcesMissing", "spec.resources.memory is empty"),
        ({"source": {"archive": {"digest": "sha256:" + "0" * 64}}}, "SourceMissing", "upload it"),
        ({"source": {"inline": {"files": {"a": "", "a/b": ""}}}}, "SourceRefused", "folder"),
    ],
)  # fmt: skip
async def test_what_cannot_be_built_says_what_to_do(
    house: House, spec: dict[str, Any], reason: str, words: str
) -> None:
    house.function(**spec)
    result = await house.reconcile()
    assert result.outcome == "held"
    assert house.condition("Built")[:2] == ("False", reason)
    assert words in house.condition("Built")[2]
    assert house.condition("Ready")[:2] == ("False", reason)
    assert house.cluster.named(DEPLOYMENT, NS) == ()


async def test_comments_are_no_dependencies(house: House) -> None:
    house.function(dependencies="# nothing\n\n")
    await house.reconcile()
    assert house.condition("Built")[0] == "True"


async def test_a_runtimes_image_that_is_not_there_is_the_platforms_to_mend(house: House) -> None:
    house.install(f"registry.test/funkhaus/python3.11@sha256:{'c' * 64}")
    house.function()
    await house.reconcile()
    assert house.condition("Built")[:2] == ("False", "RuntimeImage")
    assert "whoever runs the platform" in house.condition("Built")[2]
    house.install(BASE)
    await house.reconcile()
    assert house.condition("Built")[0] == "True"


async def test_an_archive_is_unpacked_into_the_image(house: House) -> None:
    from tests.unit.domain.test_archive import zipped

    content = zipped(("hello.py", b"x"), ("lib/a.txt", b"a"))
    digest = await house.registry.put_archive("sources/demo/main", content)
    house.function(source={"archive": {"digest": digest}})
    await house.reconcile()
    (files,) = house.registry.images.values()
    assert files == {"hello.py": b"x", "lib/a.txt": b"a"}


async def test_only_so_many_revisions_are_kept(house: House) -> None:
    for timeout in range(1, 16):
        await deployed(house, timeout=timeout)
        house.clock.pass_seconds(60)
    await house.reconcile()
    kept = house.cluster.named(FUNCTION_REVISION, NS)
    assert len(kept) == 11
    assert house.serving() in kept
    assert house.cluster.named(DEPLOYMENT, NS) == (house.serving(),)


async def test_a_killed_replica_is_explained_while_it_serves_again(house: House) -> None:
    revision = await deployed(house)
    house.pod(revision, ended(137, "OOMKilled", "2026-01-01T00:00:00Z", restarts=3))
    await house.reconcile()
    assert house.condition("Ready")[0] == "True"
    status, reason, message = house.condition("Degraded")
    assert (status, reason) == ("True", "OOMKilled")
    assert "more than its 128Mi" in message
    assert "3 restarts" in message
    house.clock.pass_seconds(601)
    await house.reconcile()
    assert house.condition("Degraded")[0] == "False"


async def test_events_come_with_transitions_and_have_an_end(house: House) -> None:
    await deployed(house)
    said = [item for key, item in house.cluster.objects.items() if key[0] == EVENT.name]
    assert {item["reason"] for item in said} == {"Admitted", "Assembled", "Serving"}
    assert {item["type"] for item in said} == {"Normal"}
    assert {item["involvedObject"]["kind"] for item in said} == {"Function"}
    await house.reconcile()
    assert len(house.cluster.named(EVENT, NS)) == 3
    for round_ in range(40):
        house.clock.pass_seconds(1)
        house.function(runtime="cobol" if round_ % 2 else "python3.11")
        await house.reconcile()
    assert len(house.cluster.named(EVENT, NS)) == 10
    house.clock.pass_seconds(301)
    house.function()
    await house.reconcile()
    assert len(house.cluster.named(EVENT, NS)) > 10


async def test_an_event_that_cannot_be_written_stops_nothing(house: House) -> None:
    house.cluster.failure = lambda _verb, kind, _ns, _name: (
        UnavailableError("no") if kind is EVENT else None
    )
    await deployed(house)
    assert house.condition("Ready")[0] == "True"


async def test_deletion_takes_everything_along(house: House) -> None:
    await deployed(house, scaling={"min": 1, "max": 2, "cpuPercent": 80})
    await house.cluster.delete(FUNCTION, NS, "hello")
    assert (await house.reconcile()).outcome == "gone"
    left = {key for key in house.cluster.objects if key[1] == NS and key[0] != EVENT.name}
    assert left == set()


async def test_a_second_controller_at_the_same_time_is_harmless(house: House) -> None:
    import asyncio

    house.function()
    await asyncio.gather(*(house.reconcile() for _ in range(5)))
    revision = house.serving()
    assert house.cluster.named(DEPLOYMENT, NS) == (revision,)
    assert len(house.registry.pushes) == 1


async def test_the_urls_of_its_triggers_are_in_its_status(house: House) -> None:
    house.trigger("b")
    house.trigger("a", host="shop.demo.example.com", path="/cart")
    house.trigger("c", function="another")
    for name in "abc":
        await house.triggers.reconcile(NS, name)
    await deployed(house)
    assert house.status()["urls"] == [
        "http://hello.demo.example.com/",
        "http://shop.demo.example.com/cart",
    ]


async def test_a_shape_nobody_expects_is_a_condition_and_no_crash(house: House) -> None:
    house.function(handler=7)
    assert (await house.reconcile()).outcome == "refused"
    assert house.condition("Admitted")[:2] == ("False", "Invalid")
    assert "spec.handler" in house.condition("Admitted")[2]
