"""What became of a trigger's runs, read off its CronJob, Jobs and pods. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from funkhaus.crd.conditions import DEGRADED, Condition
from funkhaus.manifests.cron import CALLER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from zoneinfo import ZoneInfo

    from funkhaus.domain.cron import Schedule
    from funkhaus.domain.trigger import CronJobTrigger
    from funkhaus.ports import Manifest

TIME = "%Y-%m-%dT%H:%M:%SZ"
GRACE = timedelta(seconds=30)
"""How long after its time a run counts as not yet missed."""
MISSED_LIMIT = 100
"""Counted at most."""
SAID_LIMIT = 2048
_JOB = "batch.kubernetes.io/job-name"


@dataclass(frozen=True, slots=True)
class Seen:
    """The part of the status that runs decide; `since` is when the last one was due, or when counting began."""

    status: dict[str, Any] = field(default_factory=dict)
    running: int = 0
    since: datetime | None = None


def is_of(job: Manifest, cron_job: Manifest) -> bool:
    """Whether a Job was made by that CronJob."""
    uid = cron_job["metadata"].get("uid")
    references = job["metadata"].get("ownerReferences") or []
    return any(item.get("uid") == uid for item in references)


def observe(
    trigger: CronJobTrigger,
    cron_job: Manifest | None,
    jobs: Sequence[Manifest],
    pods: Iterable[Manifest],
) -> Seen:
    """The last run and its result, the last success, how many go on."""
    told = (cron_job or {}).get("status") or {}
    status: dict[str, Any] = {}
    if success := told.get("lastSuccessfulTime"):
        status["lastSuccess"] = success
    if jobs:
        last = max(jobs, key=lambda job: (_began(job), job["metadata"]["name"]))
        status["lastRun"] = _run(last, [pod for pod in pods if _is_by(pod, last)])
    began = told.get("lastScheduleTime") or trigger.created_at
    running = sum(1 for job in jobs if not _ended(job))
    return Seen(status, running, _moment(began))


def missed(seen: Seen, schedule: Schedule, zone: ZoneInfo, now: datetime) -> int:
    """How many runs were due since the last one that began; `MISSED_LIMIT` at most."""
    at, count = seen.since, 0
    while at is not None and count < MISSED_LIMIT:
        at = schedule.after(at, zone)
        if at is None or at > now - GRACE:
            break
        count += 1
    return count


def degraded(seen: Seen, missed_runs: int) -> Condition:
    """Whether anything about the runs is wrong."""
    last = seen.status.get("lastRun") or {}
    if last.get("result") == "Failed":
        message = f"the run of {last['at']} failed: {last.get('message') or 'see its pod'}"
        return Condition(DEGRADED, status=True, reason="LastRunFailed", message=message)
    if missed_runs:
        count = (
            f"{missed_runs} or more runs"
            if missed_runs >= MISSED_LIMIT
            else f"{missed_runs} run(s)"
        )
        why = "an earlier one goes on" if seen.running else "none could begin in time"
        return Condition(
            DEGRADED, status=True, reason="RunsMissed", message=f"{count} did not begin: {why}"
        )
    return Condition(DEGRADED, status=False, reason="AsExpected", message="nothing is wrong")


def _run(job: Manifest, pods: Sequence[Manifest]) -> dict[str, Any]:
    end = _ended(job)
    found: dict[str, Any] = {"at": _began(job), "result": "Running"}
    if end is None:
        return found
    found["result"] = "Succeeded" if end.get("type") == "Complete" else "Failed"
    found["endedAt"] = (
        (job.get("status") or {}).get("completionTime")
        or end.get("lastTransitionTime")
        or _began(job)
    )
    state = next((state for pod in pods if (state := _terminated(pod))), {})
    if "exitCode" in state:
        found["exitCode"] = state["exitCode"]
    said = str(state.get("message") or "").strip()
    if not said and found["result"] == "Failed":
        said = f"{end.get('reason', '')}: {end.get('message', '')}".strip(": ")
    if said:
        found["message"] = said[:SAID_LIMIT]
    return found


def _began(job: Manifest) -> str:
    annotations = job["metadata"].get("annotations") or {}
    planned = str(annotations.get("batch.kubernetes.io/cronjob-scheduled-timestamp") or "")
    moment = _moment(planned) if planned else None
    return moment.strftime(TIME) if moment else str(job["metadata"].get("creationTimestamp") or "")


def _ended(job: Manifest) -> dict[str, Any] | None:
    """The condition a Job ended with."""
    for item in (job.get("status") or {}).get("conditions") or []:
        if item.get("type") in {"Complete", "Failed"} and item.get("status") == "True":
            return dict(item)
    return None


def _is_by(pod: Manifest, job: Manifest) -> bool:
    carried: dict[str, str] = pod["metadata"].get("labels") or {}
    return carried.get(_JOB) == str(job["metadata"]["name"])


def _terminated(pod: Manifest) -> dict[str, Any]:
    for container in (pod.get("status") or {}).get("containerStatuses") or []:
        if container.get("name") == CALLER:
            return dict((container.get("state") or {}).get("terminated") or {})
    return {}


def _moment(text: str) -> datetime | None:
    """An RFC 3339 instant with any offset, as the CronJob controller writes them; ``None`` when it isn't one."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
