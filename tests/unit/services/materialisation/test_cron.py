"""A CronJobTrigger becomes a CronJob, and says when it runs and how its runs ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.errors import UnavailableError
from funkhaus.domain.kinds import CRON_JOB, CRON_JOB_TRIGGER, EVENT, FUNCTION, JOB, POD, RUNTIME
from funkhaus.domain.verdict import Finding
from tests.support.materials import BASE, NS

if TYPE_CHECKING:
    from tests.support.materials import House, Manifest


def status(house: House, name: str = "nightly") -> Manifest:
    found: Manifest = house.cluster.find(CRON_JOB_TRIGGER, NS, name)["status"]
    return found


def condition(house: House, kind: str, name: str = "nightly") -> tuple[str, str, str]:
    (found,) = [item for item in status(house, name)["conditions"] if item["type"] == kind]
    return found["status"], found["reason"], found["message"]


def made(house: House, name: str = "nightly") -> Manifest:
    spec: Manifest = house.cluster.find(CRON_JOB, NS, name)["spec"]
    return spec


def ran(
    house: House, job: str, at: str, ended: str = "", pod: Manifest | None = None, **more: Any
) -> None:
    """A Job as Kubernetes leaves it, and the end of its pod."""
    owner = house.cluster.find(CRON_JOB, NS, "nightly")["metadata"]["uid"]
    marks = {"funkhaus.dev/trigger": "nightly", "funkhaus.dev/caller": "cron"}
    house.cluster.put(
        {
            "apiVersion": JOB.api_version,
            "kind": "Job",
            "metadata": {
                "namespace": NS,
                "name": job,
                "labels": marks,
                "ownerReferences": [{"uid": owner, "controller": True}],
                "annotations": {"batch.kubernetes.io/cronjob-scheduled-timestamp": at},
            },
            "spec": {},
            "status": {"conditions": [{"type": ended, "status": "True", **more}] if ended else []},
        }
    )
    if pod is not None:
        container = {"name": "cron", "state": {"terminated": pod}}
        labels = {**marks, "batch.kubernetes.io/job-name": job}
        house.cluster.put(
            {
                "apiVersion": POD.api_version,
                "kind": "Pod",
                "metadata": {"namespace": NS, "name": f"{job}-x", "labels": labels},
                "spec": {},
                "status": {"containerStatuses": [container]},
            }
        )


async def test_a_trigger_becomes_a_cron_job_of_its_own_name(house: House) -> None:
    house.function(timeout=30)
    house.cron_trigger(payload={"a": 1}, timeZone="Europe/Berlin", concurrencyPolicy="Forbid")
    house.cron_trigger("hourly", schedule="@hourly")
    for name in ("nightly", "hourly"):
        assert (await house.crons.reconcile(NS, name)).outcome == "done"
    assert house.cluster.named(CRON_JOB, NS) == ("hourly", "nightly"), (
        "two schedules of one function"
    )
    spec = made(house)
    assert (spec["schedule"], spec["timeZone"]) == ("0 3 * * *", "Europe/Berlin")
    assert (spec["concurrencyPolicy"], spec["suspend"]) == ("Forbid", False)
    job = spec["jobTemplate"]["spec"]
    assert (job["backoffLimit"], job["activeDeadlineSeconds"]) == (0, 90)
    (container,) = job["template"]["spec"]["containers"]
    assert container["image"] == BASE
    told = {item["name"]: item.get("value") for item in container["env"]}
    assert told["FUNKHAUS_CALL_URL"] == "http://hello:8080/"
    assert told["FUNKHAUS_CALL_PAYLOAD"] == '{"a": 1}'
    assert condition(house, "Ready")[:2] == ("True", "Scheduled")
    assert status(house)["nextRun"]
    house.cluster.writes.clear()
    await house.crons.reconcile(NS, "nightly")
    assert house.cluster.writes == []


async def test_it_is_looked_at_after_each_run(house: House) -> None:
    house.function()
    house.cron_trigger(schedule="*/5 * * * *")
    result = await house.crons.reconcile(NS, "nightly")
    assert result.after is not None
    assert 0 < result.after <= 305


async def test_without_its_function_no_run_begins_and_it_heals(house: House) -> None:
    house.cron_trigger()
    assert (await house.crons.reconcile(NS, "nightly")).outcome == "held"
    assert condition(house, "Ready")[:2] == ("False", "FunctionMissing")
    assert made(house)["suspend"] is True
    assert "nextRun" not in status(house)
    house.function()
    await house.crons.reconcile(NS, "nightly")
    assert condition(house, "Ready")[0] == "True"
    assert made(house)["suspend"] is False
    await house.cluster.delete(FUNCTION, NS, "hello")
    await house.crons.reconcile(NS, "nightly")
    assert made(house)["suspend"] is True


async def test_suspended_is_said(house: House) -> None:
    house.function()
    house.cron_trigger(suspend=True)
    await house.crons.reconcile(NS, "nightly")
    assert condition(house, "Ready")[:2] == ("False", "Suspended")
    assert made(house)["suspend"] is True
    assert status(house)["missedRuns"] == 0


async def test_without_the_caller_s_image_nothing_is_made(house: House) -> None:
    await house.cluster.delete(RUNTIME, "", "python3.11")
    house.function()
    house.cron_trigger()
    await house.crons.reconcile(NS, "nightly")
    assert condition(house, "Ready")[:2] == ("False", "RuntimeMissing")
    assert house.cluster.named(CRON_JOB, NS) == ()


async def test_how_the_last_run_ended(house: House) -> None:
    house.function()
    house.cron_trigger()
    await house.crons.reconcile(NS, "nightly")
    ran(
        house,
        "nightly-1",
        "2025-12-31T04:00:00+01:00",
        "Complete",
        {"exitCode": 0, "message": "200: fine"},
    )
    await house.crons.reconcile(NS, "nightly")
    last = status(house)["lastRun"]
    assert (last["at"], last["result"], last["exitCode"]) == (
        "2025-12-31T03:00:00Z",
        "Succeeded",
        0,
    )
    assert last["message"] == "200: fine"
    failed = {"exitCode": 200, "message": "500: it broke"}
    ran(house, "nightly-2", "2026-01-01T03:00:00Z", "Failed", failed, reason="BackoffLimitExceeded")
    await house.crons.reconcile(NS, "nightly")
    last = status(house)["lastRun"]
    assert (last["result"], last["exitCode"], last["message"]) == ("Failed", 200, "500: it broke")
    degraded = condition(house, "Degraded")
    assert degraded[:2] == ("True", "LastRunFailed")
    assert "500: it broke" in degraded[2]
    events = house.cluster.named(EVENT, NS)
    assert "LastRunFailed" in {house.cluster.find(EVENT, NS, name)["reason"] for name in events}
    ran(house, "nightly-3", "2026-01-02T03:00:00Z")
    await house.crons.reconcile(NS, "nightly")
    assert status(house)["lastRun"]["result"] == "Running"
    assert status(house)["running"] == 1


async def test_a_run_that_left_no_pod_says_what_its_job_does(house: House) -> None:
    house.function()
    house.cron_trigger()
    await house.crons.reconcile(NS, "nightly")
    more = {"reason": "DeadlineExceeded", "message": "Job was active too long"}
    ran(house, "nightly-1", "2026-01-01T03:00:00Z", "Failed", **more)
    await house.crons.reconcile(NS, "nightly")
    assert status(house)["lastRun"]["message"] == "DeadlineExceeded: Job was active too long"


async def test_a_strangers_job_is_no_run(house: House) -> None:
    house.function()
    house.cron_trigger()
    await house.crons.reconcile(NS, "nightly")
    ran(house, "nightly-1", "2026-01-01T03:00:00Z", "Failed")
    house.cluster.find(JOB, NS, "nightly-1")["metadata"]["ownerReferences"] = [{"uid": "other"}]
    await house.crons.reconcile(NS, "nightly")
    assert "lastRun" not in status(house)


async def test_runs_that_did_not_begin_are_counted(house: House) -> None:
    house.function()
    house.cron_trigger(schedule="*/5 * * * *")
    await house.crons.reconcile(NS, "nightly")
    begun = house.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    house.cluster.write_status(CRON_JOB, NS, "nightly", {"lastScheduleTime": begun})
    await house.crons.reconcile(NS, "nightly")
    assert status(house)["missedRuns"] == 0
    house.clock.pass_seconds(3 * 300 + 100)
    await house.crons.reconcile(NS, "nightly")
    assert status(house)["missedRuns"] == 3
    assert condition(house, "Degraded")[:2] == ("True", "RunsMissed")
    house.clock.pass_seconds(86_400)
    await house.crons.reconcile(NS, "nightly")
    assert status(house)["missedRuns"] == 100, "counted so far"


async def test_a_refused_change_leaves_the_cron_job_as_it_was(house: House) -> None:
    house.function()
    house.cron_trigger()
    await house.crons.reconcile(NS, "nightly")
    house.decider.findings = (Finding("schedule-too-often", "is too often", "spec.schedule"),)
    house.cron_trigger(schedule="* * * * *")
    assert (await house.crons.reconcile(NS, "nightly")).outcome == "held"
    assert condition(house, "Admitted")[:2] == ("False", "PolicyDenied")
    assert made(house)["schedule"] == "0 3 * * *"


async def test_a_strangers_cron_job_is_never_adopted(house: House) -> None:
    stranger = house.cluster.put(
        {
            "apiVersion": CRON_JOB.api_version,
            "kind": "CronJob",
            "metadata": {"namespace": NS, "name": "nightly"},
            "spec": {"schedule": "@daily"},
        }
    )
    house.function()
    house.cron_trigger()
    assert (await house.crons.reconcile(NS, "nightly")).outcome == "refused"
    assert condition(house, "Ready")[1] == "Conflict"
    assert house.cluster.find(CRON_JOB, NS, "nightly") == stranger


async def test_without_a_verdict_it_waits(house: House) -> None:
    house.function()
    house.cron_trigger()
    house.decider.error = UnavailableError("the policy engine is away")
    with pytest.raises(UnavailableError):
        await house.crons.reconcile(NS, "nightly")
    assert condition(house, "Degraded")[1] == "Unavailable"
    assert house.cluster.named(CRON_JOB, NS) == ()


async def test_it_takes_its_cron_job_with_it(house: House) -> None:
    house.function()
    house.cron_trigger()
    await house.crons.reconcile(NS, "nightly")
    await house.cluster.delete(CRON_JOB_TRIGGER, NS, "nightly")
    assert (await house.crons.reconcile(NS, "nightly")).outcome == "gone"
    assert house.cluster.named(CRON_JOB, NS) == ()
