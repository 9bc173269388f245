"""What calls a function on schedule: a CronJob of the trigger's own name, whose pods make one call and end as it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from funkhaus.domain.function import DEFAULT_PORT
from funkhaus.domain.kinds import CRON_JOB, CRON_JOB_TRIGGER
from funkhaus.manifests import labels
from funkhaus.manifests.labels import Owner, Site, metadata
from funkhaus.manifests.pod import CONTAINER_SECURITY, POD_SECURITY

if TYPE_CHECKING:
    from funkhaus.domain.trigger import CronJobTrigger

CALLER = "cron"
"""Value of the label that marks the pods (`labels.CALLER`), and the container's name."""
COMMAND = ("python3", "-m", "funkhaus_runtime.caller")
"""In the image of the Python runtime."""
LATE = 300
"""Seconds after its time a run may still begin: a controller that was away does not begin what is long past."""
SLACK = 60
"""Seconds beside the function's time-out for a pod to start and to answer: the function's own 408 has to win."""
AMOUNTS = {"cpu": "50m", "memory": "48Mi"}


def owner(trigger: CronJobTrigger) -> Owner:
    """The CronJobTrigger as the owner of what is made for it."""
    return Owner(CRON_JOB_TRIGGER, trigger.name, trigger.uid)


def selected(trigger: str) -> dict[str, str]:
    """The labels that Jobs and pods of a trigger carry, and nothing else of the platform's."""
    return {labels.TRIGGER: trigger, labels.CALLER: CALLER}


def cron_job(
    site: Site, trigger: CronJobTrigger, *, image: str, timeout: int, suspend: bool
) -> dict[str, Any]:
    """The CronJob; `timeout` is the function's, in seconds. A run is never repeated: what fails is shown."""
    spec = trigger.spec
    marks = {**site.labels, **selected(trigger.name)}
    return {
        "apiVersion": CRON_JOB.api_version,
        "kind": CRON_JOB.name,
        "metadata": metadata(site, trigger.name, owner(trigger), selected(trigger.name)),
        "spec": {
            "schedule": spec.schedule,
            "timeZone": spec.time_zone,
            "concurrencyPolicy": spec.concurrency,
            "suspend": suspend,
            "startingDeadlineSeconds": LATE,
            "successfulJobsHistoryLimit": spec.successes_kept,
            "failedJobsHistoryLimit": spec.failures_kept,
            "jobTemplate": {
                "metadata": {"labels": marks},
                "spec": {
                    "backoffLimit": 0,
                    "activeDeadlineSeconds": timeout + SLACK,
                    "template": {
                        "metadata": {"labels": marks},
                        "spec": _pod(trigger, image, timeout),
                    },
                },
            },
        },
    }


def _pod(trigger: CronJobTrigger, image: str, timeout: int) -> dict[str, Any]:
    told = {
        "FUNKHAUS_CALL_URL": f"http://{trigger.spec.function}:{DEFAULT_PORT}/",
        "FUNKHAUS_CALL_PAYLOAD": trigger.spec.payload,
        "FUNKHAUS_CALL_SECONDS": str(timeout + SLACK // 2),
        "FUNKHAUS_CALL_TRIGGER": trigger.name,
    }
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 5,
        "securityContext": dict(POD_SECURITY),
        "containers": [
            {
                "name": CALLER,
                "image": image,
                "imagePullPolicy": "IfNotPresent",
                "command": list(COMMAND),
                "workingDir": "/",
                "env": [
                    *({"name": name, "value": value} for name, value in told.items()),
                    {
                        "name": "FUNKHAUS_CALL_ID",
                        "valueFrom": {
                            "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.uid"}
                        },
                    },
                ],
                "resources": {"requests": dict(AMOUNTS), "limits": dict(AMOUNTS)},
                "securityContext": dict(CONTAINER_SECURITY),
                "terminationMessagePolicy": "FallbackToLogsOnError",
            }
        ],
    }
