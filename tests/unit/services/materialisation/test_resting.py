"""What belongs to a tenant that rests runs nothing and says why; when it works again it is as it was."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.kinds import (
    AUTOSCALER,
    CRON_JOB,
    CRON_JOB_TRIGGER,
    DEPLOYMENT,
    FUNCTION,
    HTTP_TRIGGER,
    INGRESS,
    SERVICE,
)
from funkhaus.domain.tenant import Deletion, Suspension
from funkhaus.domain.verdict import Finding
from tests.support.materials import NS

if TYPE_CHECKING:
    from funkhaus.domain.kinds import Kind
    from tests.support.materials import House, Manifest

WIDE = {"min": 2, "max": 5, "cpuPercent": 80}


async def deployed(house: House, **spec: Any) -> str:
    """A function that serves; its revision."""
    house.function(**spec)
    await house.reconcile()
    revision: str = house.status()["latestRevision"]
    house.ready(revision)
    await house.reconcile()
    return revision


async def suspend(house: House, reason: str = "invoice 17 is unpaid") -> None:
    async with house.stores.begin("demo") as work:
        await work.lifecycle.suspend(Suspension(house.clock.now(), reason, "Ada"))


async def resume(house: House) -> None:
    async with house.stores.begin("demo") as work:
        await work.lifecycle.suspend(None)


def replicas(house: House, revision: str) -> int:
    count: int = house.cluster.find(DEPLOYMENT, NS, revision)["spec"]["replicas"]
    return count


async def test_suspended_it_has_no_replica_and_no_autoscaler_and_says_why(house: House) -> None:
    revision = await deployed(house, scaling=WIDE)
    await suspend(house)
    assert (await house.reconcile()).outcome == "resting"
    assert replicas(house, revision) == 0
    assert house.cluster.named(AUTOSCALER, NS) == ()
    assert revision in house.cluster.named(DEPLOYMENT, NS)
    assert house.serving() == revision, "the Service stays, so that nothing has to be found again"
    status, reason, message = house.condition("Ready")
    assert (status, reason) == ("False", "TenantSuspended")
    assert "by Ada: invoice 17 is unpaid" in message
    assert "funkhaus tenant resume demo" in message
    assert house.condition("Degraded")[0] == "False"
    assert house.condition("Admitted")[0] == "True"
    found = house.status()
    assert found["replicas"] == {"desired": 0, "ready": 0, "summary": "0/0"}
    assert (found["revision"], found["latestRevision"]) == (revision, revision)


async def test_resting_is_level_based(house: House) -> None:
    revision = await deployed(house, scaling=WIDE)
    await suspend(house)
    await house.reconcile()
    house.cluster.writes.clear()
    await house.reconcile()
    assert house.cluster.writes == []
    autoscaler = house.cluster.twin("kube-controller-manager")  # its last word came after ours
    await autoscaler.merge_patch(DEPLOYMENT, NS, revision, {"spec": {"replicas": 3}})
    await house.reconcile()
    assert replicas(house, revision) == 0


@pytest.mark.parametrize("scaling", [WIDE, {"min": 3, "max": 3, "cpuPercent": 80}])
async def test_resumed_it_comes_back_at_its_minimum(house: House, scaling: dict[str, int]) -> None:
    revision = await deployed(house, scaling=scaling)
    await suspend(house)
    await house.reconcile()
    await resume(house)
    await house.reconcile()
    assert replicas(house, revision) == scaling["min"]
    assert house.condition("Ready")[:2] == ("Unknown", "Starting")
    house.ready(revision)
    await house.reconcile()
    assert house.condition("Ready")[:2] == ("True", "Serving")
    assert (house.cluster.named(AUTOSCALER, NS) != ()) == (scaling["min"] < scaling["max"])
    assert len(house.registry.pushes) == 1
    assert len(house.decider.asked) == 1, "what was let in is let in still"


async def test_an_autoscaler_that_was_there_first_does_not_keep_it_at_zero(house: House) -> None:
    revision = await deployed(house, scaling=WIDE)
    await house.cluster.merge_patch(DEPLOYMENT, NS, revision, {"spec": {"replicas": 0}})
    assert house.cluster.named(AUTOSCALER, NS) == ("hello",)
    await house.reconcile()
    assert replicas(house, revision) == 2


async def test_both_revisions_of_a_rollout_rest_and_go_on_later(house: House) -> None:
    old = await deployed(house)
    house.function(timeout=31)
    await house.reconcile()
    new = house.status()["latestRevision"]
    await suspend(house)
    await house.reconcile()
    assert (replicas(house, old), replicas(house, new)) == (0, 0)
    assert house.status()["latestRevision"] == new
    await resume(house)
    await house.reconcile()
    assert (replicas(house, old), replicas(house, new)) == (1, 1)
    house.ready(new)
    await house.reconcile()
    assert house.serving() == new


async def test_one_that_is_being_deleted_rests_too(house: House) -> None:
    revision = await deployed(house)
    now = house.clock.now()
    async with house.stores.begin("demo") as work:
        await work.lifecycle.doom(Deletion(now, "Bob", now + timedelta(days=30)))
    await house.reconcile()
    assert replicas(house, revision) == 0
    status, reason, message = house.condition("Ready")
    assert (status, reason) == ("False", "TenantDeleting")
    assert "funkhaus tenant undelete demo" in message


async def test_b72_a_finalizer_of_one_s_own_keeps_nothing_running(house: House) -> None:
    """Deleted and held by its owner before the tenant is suspended, it would serve on for ever."""
    revision = await deployed(house, scaling=WIDE)
    house.cron_trigger()
    await house.crons.reconcile(NS, "nightly")
    owner = house.cluster.twin("kubectl")
    for kind, name in ((FUNCTION, "hello"), (CRON_JOB_TRIGGER, "nightly")):
        await owner.merge_patch(kind, NS, name, {"metadata": {"finalizers": ["a.b/c"]}})
        await owner.delete(kind, NS, name)
    assert (await house.reconcile()).outcome == "gone"
    assert (await house.crons.reconcile(NS, "nightly")).outcome == "gone"
    assert replicas(house, revision) == 2
    await suspend(house)
    assert (await house.reconcile()).outcome == "resting"
    assert (await house.crons.reconcile(NS, "nightly")).outcome == "resting"
    assert replicas(house, revision) == 0
    assert house.cluster.named(AUTOSCALER, NS) == ()
    assert house.cluster.find(CRON_JOB, NS, "nightly")["spec"]["suspend"] is True


async def test_a_function_that_never_ran_makes_nothing(house: House) -> None:
    await suspend(house)
    house.function()
    await house.reconcile()
    assert house.cluster.named(DEPLOYMENT, NS) == ()
    assert house.cluster.named(SERVICE, NS) == ()
    assert house.condition("Ready")[:2] == ("False", "TenantSuspended")


# ── triggers ──


def condition(house: House, kind: Kind, name: str) -> tuple[str, str, str]:
    """Its Ready condition: status, reason, message."""
    status: Manifest = house.cluster.find(kind, NS, name)["status"]
    (found,) = [item for item in status["conditions"] if item["type"] == "Ready"]
    return found["status"], found["reason"], found["message"]


async def test_a_url_says_why_it_answers_503_and_stays(house: House) -> None:
    await deployed(house)
    house.trigger()
    await house.triggers.reconcile(NS, "web")
    ingress = house.cluster.find(INGRESS, NS, "web")
    await suspend(house)
    assert (await house.triggers.reconcile(NS, "web")).outcome == "resting"
    status, reason, message = condition(house, HTTP_TRIGGER, "web")
    assert (status, reason) == ("False", "TenantSuspended")
    assert message.startswith("the URL answers 503: ")
    assert "by Ada: invoice 17 is unpaid" in message
    assert house.cluster.find(INGRESS, NS, "web") == ingress
    found = house.cluster.find(HTTP_TRIGGER, NS, "web")["status"]
    assert found["url"] == "http://hello.demo.example.com/"
    assert {item["reason"] for item in found["conditions"] if item["type"] == "Degraded"} == {
        "TenantSuspended"
    }
    house.cluster.writes.clear()
    await house.triggers.reconcile(NS, "web")
    assert house.cluster.writes == []
    await resume(house)
    assert (await house.triggers.reconcile(NS, "web")).outcome == "done"
    assert condition(house, HTTP_TRIGGER, "web")[:2] == ("True", "Routed")


async def test_a_schedule_begins_no_run_and_says_why(house: House) -> None:
    await deployed(house)
    house.cron_trigger()
    await house.crons.reconcile(NS, "nightly")
    assert house.cluster.find(CRON_JOB, NS, "nightly")["spec"]["suspend"] is False
    await suspend(house)
    result = await house.crons.reconcile(NS, "nightly")
    assert (result.outcome, result.after) == ("resting", None)
    assert house.cluster.find(CRON_JOB, NS, "nightly")["spec"]["suspend"] is True
    status, reason, message = condition(house, CRON_JOB_TRIGGER, "nightly")
    assert (status, reason) == ("False", "TenantSuspended")
    assert message.startswith("no run begins: ")
    assert "invoice 17 is unpaid" in message
    found = house.cluster.find(CRON_JOB_TRIGGER, NS, "nightly")["status"]
    assert (found["missedRuns"], "nextRun" in found) == (0, False)
    house.cluster.writes.clear()
    await house.crons.reconcile(NS, "nightly")
    assert house.cluster.writes == []
    await resume(house)
    assert (await house.crons.reconcile(NS, "nightly")).outcome == "done"
    assert house.cluster.find(CRON_JOB, NS, "nightly")["spec"]["suspend"] is False
    assert len(house.decider.asked) == 2, "what was let in is let in still"


async def test_a_held_schedule_rests_too(house: House) -> None:
    """The CronJob of the last spec that was let in would go on otherwise."""
    await deployed(house)
    house.cron_trigger()
    await house.crons.reconcile(NS, "nightly")
    house.decider.findings = (Finding("no", "no"),)
    house.cron_trigger(schedule="* * * * *")
    assert (await house.crons.reconcile(NS, "nightly")).outcome == "held"
    await suspend(house)
    await house.crons.reconcile(NS, "nightly")
    spec = house.cluster.find(CRON_JOB, NS, "nightly")["spec"]
    assert (spec["schedule"], spec["suspend"]) == ("0 3 * * *", True)


async def test_triggers_that_were_never_made_are_not_made_at_rest(house: House) -> None:
    now = house.clock.now()
    async with house.stores.begin("demo") as work:
        await work.lifecycle.doom(Deletion(now, "Bob", now + timedelta(days=30)))
    house.trigger()
    house.cron_trigger()
    await house.triggers.reconcile(NS, "web")
    await house.crons.reconcile(NS, "nightly")
    assert house.cluster.named(INGRESS, NS) == ()
    assert house.cluster.named(CRON_JOB, NS) == ()
    for kind, name in ((HTTP_TRIGGER, "web"), (CRON_JOB_TRIGGER, "nightly")):
        status, reason, message = condition(house, kind, name)
        assert (status, reason) == ("False", "TenantDeleting")
        assert "funkhaus tenant undelete demo" in message


async def test_a_stranger_s_cron_job_is_left_alone_at_rest(house: House) -> None:
    house.cron_trigger()
    stranger = house.cluster.put(
        {
            "apiVersion": CRON_JOB.api_version,
            "kind": "CronJob",
            "metadata": {"namespace": NS, "name": "nightly"},
            "spec": {"suspend": False},
        }
    )
    await suspend(house)
    await house.crons.reconcile(NS, "nightly")
    assert house.cluster.find(CRON_JOB, NS, "nightly") == stranger
