"""A CronJobTrigger and the controller on a real kube-apiserver; nobody there makes Jobs of the CronJob."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from funkhaus.domain.kinds import CRON_JOB, CRON_JOB_TRIGGER

if TYPE_CHECKING:
    from tests.integration.test_controller import Stage


async def test_a_schedule_becomes_a_cron_job_and_goes_with_it(stage: Stage) -> None:
    async with stage.controller():
        await stage.tenant_namespace()
        trigger = {
            "apiVersion": CRON_JOB_TRIGGER.api_version,
            "kind": "CronJobTrigger",
            "metadata": {"namespace": stage.namespace, "name": "nightly"},
            "spec": {
                "function": "hello",
                "schedule": "0 3 * * *",
                "timeZone": "Europe/Berlin",
                "payload": {"it's": [1, None]},
            },
        }
        await stage.admin.apply(trigger)
        await stage.until(lambda: cron_reason_is(stage, "FunctionMissing"))
        await stage.function(timeout=30)
        await stage.until(lambda: cron_reason_is(stage, "Scheduled"))
        made = await stage.admin.get(CRON_JOB, stage.namespace, "nightly")
        assert made is not None
        assert (made["spec"]["suspend"], made["spec"]["timeZone"]) == (False, "Europe/Berlin")
        job = made["spec"]["jobTemplate"]["spec"]
        pod = {**job["template"], "apiVersion": "v1", "kind": "Pod"}
        pod["metadata"] |= {"namespace": stage.namespace, "name": "trial"}
        pod["spec"]["serviceAccountName"] = "hello"
        await stage.admin.apply(pod, dry_run=True)  # Pod Security lets it in
        status = await stage.status(CRON_JOB_TRIGGER, "nightly")
        assert status["nextRun"].endswith(":00:00Z")
        await stage.admin.merge_patch(
            CRON_JOB, stage.namespace, "nightly", {"spec": {"schedule": "* * * * *"}}
        )
        await stage.until(lambda: cron_schedule_is(stage, "0 3 * * *"))
        shown = await asyncio.to_thread(
            stage.kubectl, "get", "ctr", "nightly", "-n", stage.namespace
        )
        assert shown.split()[:4] == ["NAME", "FUNCTION", "SCHEDULE", "ZONE"]
        await stage.admin.delete(CRON_JOB_TRIGGER, stage.namespace, "nightly")
        # Kubernetes' collector, which is not here, goes by this:
        assert made["metadata"]["ownerReferences"][0]["kind"] == "CronJobTrigger"
        assert "finalizers" not in made["metadata"]


async def cron_reason_is(stage: Stage, reason: str) -> bool:
    return await stage.reason(CRON_JOB_TRIGGER, "nightly") == reason


async def cron_schedule_is(stage: Stage, schedule: str) -> bool:
    made = await stage.admin.get(CRON_JOB, stage.namespace, "nightly")
    return made is not None and made["spec"]["schedule"] == schedule
