"""Where a build stands, read off its Job and pods and said in words that name the way out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from funkhaus.crd.conditions import BUILT, Condition
from funkhaus.manifests import build as builders
from funkhaus.manifests import labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from funkhaus.domain.build import BuildRules
    from funkhaus.domain.function import Function
    from funkhaus.domain.requirements import Requirements
    from funkhaus.domain.runtime import Runtime
    from funkhaus.domain.verdict import Finding
    from funkhaus.ports import Manifest

BUILDING, QUEUED, FAILED = "Building", "BuildQueued", "BuildFailed"
FETCHING, FETCH_FAILED = "Fetching", "FetchFailed"
UNDER_WAY = frozenset({BUILDING, QUEUED, FETCHING})
"""Reasons of a Built condition that is False for now only."""
LOOK = 2.0
"""Seconds between looks at a build."""
AGAIN = timedelta(minutes=5)
"""After what failed through nobody's fault."""
KEPT = timedelta(seconds=builders.KEPT_SECONDS)
"""After what the user has to mend: then its Job is gone."""
STEP = 10
"""Seconds a build's age is told in: a status is not written more often than that for it."""
SAID_LIMIT = 2000
"""Characters of a build's own last words that are repeated."""
_OOM = "OOMKilled"


@dataclass(frozen=True, slots=True)
class Words:
    """How a build is spoken of: what it does, what failed, that it begins anew, the field that mends it, how to ask for
    less, and the reasons of the condition while it runs and when it failed.
    """

    does: str
    failed: str
    again: str
    mend: str
    less: str
    under_way: str
    failure: str


def _held(reason: str, message: str) -> Condition:
    return Condition(BUILT, status=False, reason=reason, message=message)


def impossible(asked: Requirements, runtime: Runtime) -> Condition:
    """Why nothing can be built, whoever has to change that."""
    if asked.problems:
        lines = ", ".join(f"{item.line} ({item.kind})" for item in asked.problems)
        return _held(
            "DependenciesRefused",
            f"spec.dependencies has lines that are no requirements: {lines}; a line is a package's name, with a version "
            "as in requests==2.32.3",
        )
    if runtime.builder is None:
        return _held(
            "BuildsMissing",
            f"runtime {runtime.id!r} installs no dependencies here; put the packages into the source and leave "
            "spec.dependencies empty",
        )
    return _held(
        "BuildsMissing",
        "this installation has no package index to build from; whoever runs the platform has to name one "
        "(FUNKHAUS_BUILD_INDEX_URL)",
    )


def is_active(job: Manifest) -> bool:
    """Whether a Job has not ended and is not about to be gone."""
    return not (_ended(job) or job["metadata"].get("deletionTimestamp"))


def is_complete(job: Manifest) -> bool:
    """Whether a Job ended well, or is about to be gone."""
    ended = _ended(job)
    return bool(job["metadata"].get("deletionTimestamp")) or bool(
        ended and ended.get("type") == "Complete"
    )


def is_stale(job: Manifest, function: Function) -> bool:
    """Whether the Function was changed since it asked for this build."""
    noted = (job["metadata"].get("annotations") or {}).get(builders.GENERATION, "")
    return bool(noted != str(function.generation))


def is_due_again(job: Manifest, pods: Iterable[Manifest], now: datetime) -> bool:
    """Whether a Job failed of what passes, long enough ago."""
    at = _moment((_ended(job) or {}).get("lastTransitionTime"))
    return at is not None and now - at >= AGAIN and _passes(pods)


def served_at(pod: Manifest) -> str:
    """The address of a pod that has a result to fetch; empty while it has none."""
    status = pod.get("status") or {}
    ready = any(
        item.get("type") == "Ready" and item.get("status") == "True"
        for item in status.get("conditions") or []
    )
    if not ready or status.get("phase") != "Running" or pod["metadata"].get("deletionTimestamp"):
        return ""
    return str(status.get("podIP") or "")


def no_place(jobs: Iterable[Manifest], tenant: str, rules: BuildRules) -> Condition | None:
    """Why one more build has to wait for others."""
    running = [job for job in jobs if is_active(job)]
    own = [job for job in running if job["metadata"]["labels"].get(labels.TENANT) == tenant]
    for count, limit, whose in (
        (len(own), rules.at_once_tenant, f"of tenant {tenant}"),
        (len(running), rules.at_once, "of all tenants"),
    ):
        if count >= limit:
            return _held(
                QUEUED,
                f"the build waits: {count} builds {whose} run, {limit} may at once; it begins when one has ended",
            )
    return None


def over_quota(objections: Iterable[Finding]) -> Condition:
    """As many began today as may."""
    return _held("QuotaExceeded", "; ".join(item.sentence for item in objections))


def under_way(
    job: Manifest, function: Function, words: Words, now: datetime, pods: Sequence[Manifest] = ()
) -> Condition:
    """It runs."""
    name, age = job["metadata"]["name"], _age(job, now)
    waits = next((said for pod in pods if (said := _waiting(pod))), "")
    if not pods and age >= STEP:
        waits = "it has no pod yet; the namespace's quota may have no room for one"
    message = f"job {name} {words.does}"
    message += f" since {age} s" if age else ""
    message += (
        f": {waits}" if waits else f"; `funkhaus build logs {function.name}` shows how it goes"
    )
    return _held(words.under_way, message)


def unread(job: Manifest, words: Words, message: str) -> Condition:
    """It has a result that can't be read just now."""
    return _held(
        words.under_way,
        f"the result of job {job['metadata']['name']} can't be read: {message}; it is tried again",
    )


def again(words: Words) -> Condition:
    """What was built before is of no use; it begins anew."""
    return _held(words.under_way, words.again)


def refused(words: Words, message: str) -> Condition:
    """The result was looked at, and is none."""
    return _held(words.failure, f"{message}; change {words.mend}")


def failed(job: Manifest, pods: Sequence[Manifest], function: Function, words: Words) -> Condition:
    """It ended badly."""
    ended = _ended(job) or {}
    state = next((state for pod in pods if (state := _terminated(pod))), {})
    said = str(state.get("message") or "").strip()
    if len(said) > SAID_LIMIT:
        said = "…" + said[-SAID_LIMIT:]
    if ended.get("reason") == "DeadlineExceeded":
        seconds = job["spec"].get("activeDeadlineSeconds")
        said = f"it took longer than {seconds} s: {words.less}"
    elif state.get("reason") == _OOM:
        said = f"it needed more memory than a build has: {words.less}"
    elif not said:
        said = str(ended.get("message") or "its pod is gone, and what it said with it")
    failure = f"{words.failed}: {said}"
    at = _moment(ended.get("lastTransitionTime"))
    if _passes(pods):
        return _held(words.failure, f"{failure}; it is tried again {_told(at, AGAIN, 'soon')}")
    return _held(
        words.failure,
        f"{failure}\nChange {words.mend} and apply the Function; "
        f"`funkhaus build logs {function.name}` shows the whole log. "
        f"Unchanged, it is tried again {_told(at, KEPT, 'a day after it failed')}",
    )


def _told(at: datetime | None, later: timedelta, else_: str) -> str:
    """When, in UTC; `else_` where nobody knows since when."""
    return f"at {(at + later).strftime('%Y-%m-%dT%H:%M:%SZ')}" if at else else_


def _ended(job: Manifest) -> dict[str, Any] | None:
    """The condition a Job ended with."""
    for item in (job.get("status") or {}).get("conditions") or []:
        if item.get("type") in {"Complete", "Failed"} and item.get("status") == "True":
            return dict(item)
    return None


def _age(job: Manifest, now: datetime) -> int:
    """Seconds since it was made, in whole steps."""
    since = _moment(job["metadata"].get("creationTimestamp"))
    return max(0, int((now - since).total_seconds()) // STEP * STEP) if since else 0


def _moment(text: object) -> datetime | None:
    try:
        return datetime.strptime(str(text), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _passes(pods: Iterable[Manifest]) -> bool:
    """Whether what the last of them ended of may pass by itself."""
    codes = [state.get("exitCode") for pod in pods if (state := _terminated(pod))]
    return bool(codes) and set(codes) <= builders.PASSING


def _waiting(pod: Manifest) -> str:
    """Why a pod has not begun."""
    status = pod.get("status") or {}
    for item in status.get("conditions") or []:
        if item.get("type") == "PodScheduled" and item.get("status") == "False":
            return f"its pod waits for a place: {str(item.get('message', '')).partition('. ')[0]}"
    for container in status.get("containerStatuses") or []:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") not in {None, "ContainerCreating", "PodInitializing"}:
            return f"its pod can't start: {waiting.get('message') or waiting['reason']}"
    return ""


def _terminated(pod: Manifest) -> dict[str, Any]:
    for container in (pod.get("status") or {}).get("containerStatuses") or []:
        if container.get("name") == builders.COMPONENT:
            return dict((container.get("state") or {}).get("terminated") or {})
    return {}
