"""A function nobody calls goes to zero by way of the waker, and comes back without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.kinds import AUTOSCALER, DEPLOYMENT, ENDPOINT_SLICE, EVENT
from funkhaus.domain.tenant import Suspension
from funkhaus.domain.verdict import Finding
from funkhaus.manifests import waking
from funkhaus.ports import Calls
from tests.support.materials import NS

if TYPE_CHECKING:
    from tests.support.materials import House

SCALING = {"min": 0, "max": 1, "cpuPercent": 80, "idle": 60}
WIDE = {**SCALING, "max": 4}
IP = "10.244.0.7"


def waker(house: House, address: str = "10.222.0.1", *, ready: bool = True) -> None:
    """The waker's own endpoints, as Kubernetes keeps them."""
    house.cluster.put(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "funkhaus-system"}}
    )
    house.cluster.put(
        {
            "apiVersion": ENDPOINT_SLICE.api_version,
            "kind": ENDPOINT_SLICE.name,
            "metadata": {
                "namespace": "funkhaus-system",
                "name": "funkhaus-waker-1",
                "labels": {waking.SERVICE_NAME: waking.SERVICE},
            },
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": 8750}],
            "endpoints": [{"addresses": [address], "conditions": {"ready": ready}}],
        }
    )


def pod(house: House, revision: str, name: str = "pod-1", ip: str = IP) -> None:
    """A replica that is ready."""
    ready = [{"type": "Ready", "status": "True"}]
    house.pod(revision, {"podIP": ip, "conditions": ready}, name)


async def deployed(house: House, **spec: Any) -> str:
    """A function that may sleep, serves, and was looked at; its revision."""
    house.function(**({"scaling": SCALING} | spec))
    await house.reconcile()
    revision: str = house.status()["latestRevision"]
    house.ready(revision)
    pod(house, revision)
    house.activity.done.setdefault(IP, Calls(7, 0))
    await house.reconcile()
    return revision


async def asleep(house: House, **spec: Any) -> str:
    """A function that sleeps; its revision."""
    waker(house)
    revision = await deployed(house, **spec)
    house.clock.pass_seconds(60)
    await house.reconcile()
    house.clock.pass_seconds(4)
    await house.reconcile()
    house.ready(revision)
    await house.reconcile()
    assert replicas(house, revision) == 0
    return revision


def replicas(house: House, revision: str) -> int:
    count: int = house.cluster.find(DEPLOYMENT, NS, revision)["spec"].get("replicas", 1)
    return count


def in_service(house: House) -> bool:
    return "hello-waker" in house.cluster.named(ENDPOINT_SLICE, NS)


async def test_it_starts_with_a_replica_and_is_looked_at_while_it_serves(house: House) -> None:
    waker(house)
    revision = await deployed(house)
    assert replicas(house, revision) == 1
    assert house.condition("Ready")[:2] == ("True", "Serving")
    assert (await house.reconcile()).after == 15
    assert not in_service(house)


async def test_unused_it_has_the_waker_first_and_no_replica_then(house: House) -> None:
    waker(house)
    revision = await deployed(house)
    house.clock.pass_seconds(60)
    assert (await house.reconcile()).after == 3
    assert in_service(house)
    assert replicas(house, revision) == 1, "proxies have to hear of the waker before"
    made = house.cluster.find(ENDPOINT_SLICE, NS, "hello-waker")
    assert made["metadata"]["labels"][waking.SERVICE_NAME] == "hello"
    assert made["endpoints"] == [{"addresses": ["10.222.0.1"], "conditions": {"ready": True}}]
    assert made["ports"] == [{"name": "http", "port": 8750, "protocol": "TCP"}]
    house.clock.pass_seconds(1)
    await house.reconcile()
    assert replicas(house, revision) == 1
    house.clock.pass_seconds(3)
    await house.reconcile()
    assert replicas(house, revision) == 0
    assert in_service(house)
    assert house.serving() == revision, "the selector stays"
    status, reason, message = house.condition("Ready")
    assert (status, reason) == ("True", "Asleep")
    assert "the next call wakes it" in message
    assert house.condition("Degraded")[0] == "False"
    assert house.status()["replicas"] == {"desired": 0, "ready": 0, "summary": "0/0"}


async def test_asleep_nothing_is_written_and_nobody_is_asked(house: House) -> None:
    await asleep(house)
    house.cluster.writes.clear()
    house.activity.asked.clear()
    house.clock.pass_seconds(3600)
    assert (await house.reconcile()).after is None
    assert house.cluster.writes == []
    assert house.activity.asked == []


async def test_a_call_keeps_it_awake(house: House) -> None:
    waker(house)
    revision = await deployed(house)
    house.clock.pass_seconds(59)
    house.activity.done[IP] = Calls(8, 0)
    await house.reconcile()
    house.clock.pass_seconds(59)
    await house.reconcile()
    assert not in_service(house)
    assert replicas(house, revision) == 1
    house.clock.pass_seconds(1)
    await house.reconcile()
    assert in_service(house)


async def test_a_call_while_it_dozes_ends_the_doze(house: House) -> None:
    waker(house)
    revision = await deployed(house)
    house.clock.pass_seconds(60)
    await house.reconcile()
    assert in_service(house)
    house.activity.done[IP] = Calls(8, 0)
    house.clock.pass_seconds(4)
    await house.reconcile()
    assert not in_service(house)
    assert replicas(house, revision) == 1
    house.clock.pass_seconds(59)
    await house.reconcile()
    assert not in_service(house), "the time began anew"


async def test_a_call_that_takes_long_is_no_idleness(house: House) -> None:
    waker(house)
    revision = await deployed(house)
    house.activity.done[IP] = Calls(7, 1)
    await house.reconcile()
    house.clock.pass_seconds(600)
    await house.reconcile()
    assert not in_service(house)
    house.activity.done[IP] = Calls(8, 0)
    await house.reconcile()
    house.clock.pass_seconds(59)
    await house.reconcile()
    assert not in_service(house)
    assert replicas(house, revision) == 1


async def test_a_replica_that_does_not_say_keeps_it_awake(house: House) -> None:
    waker(house)
    revision = await deployed(house)
    del house.activity.done[IP]
    for _ in range(3):
        house.clock.pass_seconds(600)
        await house.reconcile()
    assert not in_service(house)
    assert replicas(house, revision) == 1


async def test_all_replicas_are_asked(house: House) -> None:
    waker(house)
    revision = await deployed(house, scaling=WIDE)
    await house.cluster.merge_patch(DEPLOYMENT, NS, revision, {"spec": {"replicas": 2}})
    house.ready(revision)
    house.clock.pass_seconds(600)
    await house.reconcile()
    assert not in_service(house), "the second pod is not known yet"
    pod(house, revision, "pod-2", "10.244.0.8")
    house.activity.done["10.244.0.8"] = Calls(1, 0)
    await house.reconcile()
    house.clock.pass_seconds(60)
    await house.reconcile()
    assert in_service(house)
    house.clock.pass_seconds(4)
    await house.reconcile()
    assert replicas(house, revision) == 0


async def test_woken_it_keeps_the_waker_until_a_replica_is_ready(house: House) -> None:
    revision = await asleep(house)
    assert await house.cluster.twin("funkhaus-waker").rescale(DEPLOYMENT, NS, revision, was=0, to=1)
    await house.reconcile()
    assert in_service(house)
    assert house.condition("Ready")[:2] == ("True", "Waking")
    house.ready(revision)
    assert (await house.reconcile()).after == 15
    assert not in_service(house)
    assert replicas(house, revision) == 1
    assert house.condition("Ready")[:2] == ("True", "Serving")
    house.clock.pass_seconds(30)
    await house.reconcile()
    house.clock.pass_seconds(30)
    await house.reconcile()
    assert not in_service(house), "what was counted before it slept is forgotten"


async def test_the_autoscaler_stays_where_it_is(house: House) -> None:
    revision = await asleep(house, scaling=WIDE)
    assert house.cluster.named(AUTOSCALER, NS) == ("hello",)
    spec = house.cluster.find(AUTOSCALER, NS, "hello")["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (1, 4)
    assert spec["scaleTargetRef"]["name"] == revision


async def test_between_none_and_one_there_is_no_autoscaler(house: House) -> None:
    waker(house)
    await deployed(house)
    assert house.cluster.named(AUTOSCALER, NS) == ()


async def test_without_a_waker_nothing_sleeps(house: House) -> None:
    revision = await deployed(house)
    for _ in range(3):
        house.clock.pass_seconds(600)
        await house.reconcile()
    assert replicas(house, revision) == 1
    assert house.activity.asked == []


async def test_a_waker_that_goes_for_good_wakes_what_sleeps(house: House) -> None:
    revision = await asleep(house)
    await house.cluster.delete(ENDPOINT_SLICE, "funkhaus-system", "funkhaus-waker-1")
    await house.reconcile()
    assert replicas(house, revision) == 1
    assert in_service(house)
    house.ready(revision)
    await house.reconcile()
    assert not in_service(house)


async def test_a_waker_that_starts_anew_wakes_nothing_and_its_address_follows(house: House) -> None:
    revision = await asleep(house)
    waker(house, ready=False)
    await house.reconcile()
    assert replicas(house, revision) == 0
    waker(house, "10.244.9.9")
    await house.reconcile()
    made = house.cluster.find(ENDPOINT_SLICE, NS, "hello-waker")
    assert made["endpoints"][0]["addresses"] == ["10.244.9.9"]
    assert replicas(house, revision) == 0


async def test_a_spec_that_may_not_sleep_any_more_wakes_it(house: House) -> None:
    revision = await asleep(house)
    house.function(scaling={**SCALING, "min": 1})
    await house.reconcile()
    assert replicas(house, revision) == 1
    assert in_service(house)
    house.ready(revision)
    await house.reconcile()
    assert not in_service(house)


async def test_a_new_revision_starts_and_serves_before_it_sleeps(house: House) -> None:
    old = await asleep(house)
    house.function(scaling=SCALING, timeout=31)
    await house.reconcile()
    new = house.status()["latestRevision"]
    assert new != old
    assert (replicas(house, old), replicas(house, new)) == (0, 1)
    assert house.serving() == old
    assert "goes on serving" in house.condition("Ready")[2], "asleep, but it answers"
    house.ready(new)
    await house.reconcile()
    assert house.serving() == new
    assert not in_service(house)


async def test_a_new_revision_that_fails_leaves_the_old_one_asleep(house: House) -> None:
    old = await asleep(house)
    house.function(scaling=SCALING, timeout=31)
    await house.reconcile()
    house.clock.pass_seconds(600)
    await house.reconcile()
    assert house.serving() == old
    assert replicas(house, old) == 0
    assert in_service(house)


async def test_suspended_it_is_nobody_s_to_wake(house: House) -> None:
    revision = await asleep(house)
    async with house.stores.begin("demo") as work:
        await work.lifecycle.suspend(Suspension(house.clock.now(), "unpaid", "Ada"))
    await house.reconcile()
    assert not in_service(house)
    assert house.condition("Ready")[:2] == ("False", "TenantSuspended")
    async with house.stores.begin("demo") as work:
        await work.lifecycle.suspend(None)
    await house.reconcile()
    assert replicas(house, revision) == 1, "it comes back awake"


async def test_what_is_refused_neither_sleeps_nor_wakes_by_itself(house: House) -> None:
    waker(house)
    revision = await deployed(house)
    house.decider.findings = (Finding("no", "no"),)
    house.function(scaling=SCALING, timeout=31)
    for _ in range(2):
        house.clock.pass_seconds(600)
        await house.reconcile()
    assert not in_service(house)
    assert replicas(house, revision) == 1


async def test_what_is_refused_while_it_sleeps_is_woken_by_calls_still(house: House) -> None:
    revision = await asleep(house)
    house.decider.findings = (Finding("no", "no"),)
    house.function(scaling=SCALING, timeout=31)
    await house.reconcile()
    assert in_service(house)
    assert replicas(house, revision) == 0
    await house.cluster.twin("funkhaus-waker").rescale(DEPLOYMENT, NS, revision, was=0, to=1)
    house.ready(revision)
    await house.reconcile()
    assert not in_service(house)
    assert replicas(house, revision) == 1


async def test_it_is_charged_for_what_it_may_grow_to(house: House) -> None:
    await asleep(house, scaling=WIDE)
    async with house.stores.begin("demo") as work:
        account = await work.ledger.account("main")
    assert account.used.replicas == 4


async def test_a_stranger_s_endpoints_are_left_alone(house: House) -> None:
    waker(house)
    await deployed(house)
    stranger = house.cluster.put(
        {
            "apiVersion": ENDPOINT_SLICE.api_version,
            "kind": ENDPOINT_SLICE.name,
            "metadata": {"namespace": NS, "name": "hello-waker"},
            "addressType": "IPv4",
            "endpoints": [],
        }
    )
    house.clock.pass_seconds(60)
    await house.reconcile()
    assert house.cluster.find(ENDPOINT_SLICE, NS, "hello-waker") == stranger
    assert house.condition("Degraded")[:2] == ("True", "Conflict")


@pytest.mark.parametrize("phase", ["nonsense", None])
async def test_a_mark_somebody_spoilt_puts_nothing_to_sleep_at_once(
    house: House, phase: str | None
) -> None:
    waker(house)
    revision = await deployed(house)
    house.clock.pass_seconds(60)
    await house.reconcile()
    house.activity.done[IP] = Calls(8, 0)
    patch = {"metadata": {"annotations": {waking.PHASE: phase}}}
    await house.cluster.twin("kubectl").merge_patch(ENDPOINT_SLICE, NS, "hello-waker", patch)
    await house.reconcile()
    assert replicas(house, revision) == 1
    assert not in_service(house)


async def test_sleeping_and_waking_all_day_is_told_once(house: House) -> None:
    revision = await asleep(house)
    for _ in range(5):
        await house.cluster.twin("funkhaus-waker").rescale(DEPLOYMENT, NS, revision, was=0, to=1)
        await house.reconcile()
        house.ready(revision)
        await house.reconcile()
        await house.reconcile()
        house.clock.pass_seconds(60)
        await house.reconcile()
        house.clock.pass_seconds(4)
        await house.reconcile()
        house.ready(revision)
        await house.reconcile()
        assert replicas(house, revision) == 0
    told = [
        house.cluster.find(EVENT, NS, name)["reason"] for name in house.cluster.named(EVENT, NS)
    ]
    assert told.count("Asleep") == 1
    assert told.count("Waking") <= 1
    assert told.count("Serving") <= 2
