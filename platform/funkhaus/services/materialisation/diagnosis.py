"""What ails a revision, read off its Deployment and pods and said in words that name the way out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from funkhaus.manifests.pod import CONTAINER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from funkhaus.domain.function import RevisionSpec
    from funkhaus.ports import Manifest

RECENT = timedelta(minutes=10)
"""How long the end of a replica is worth mentioning after it came back."""
SAID_LIMIT = 1200
"""Characters of a container's own last words that are repeated."""
_PULL = {"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull"}
_CONFIG = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
_OOM = "OOMKilled"
_SIGKILL = 137


@dataclass(frozen=True, slots=True)
class Trouble:
    """A condition's reason and message. `fatal` when waiting alone will not help."""

    reason: str
    message: str
    fatal: bool = True


@dataclass(frozen=True, slots=True)
class Replicas:
    """Counts of a Deployment, of its present template only."""

    wanted: int
    ready: int

    @property
    def summary(self) -> str:
        """``2/3``, as kubectl prints it."""
        return f"{self.ready}/{self.wanted}"

    @property
    def complete(self) -> bool:
        """Whether all are ready, and there is one at all."""
        return self.ready >= self.wanted > 0


def replicas(deployment: Manifest | None) -> Replicas:
    """How many are wanted and ready; none of either without a Deployment."""
    if deployment is None:
        return Replicas(0, 0)
    wanted = deployment["spec"].get("replicas", 1)
    status = deployment.get("status") or {}
    if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 0):
        return Replicas(wanted, 0)
    ready = min(status.get("availableReplicas", 0), status.get("updatedReplicas", 0))
    return Replicas(wanted, ready)


def trouble(
    revision: RevisionSpec, deployment: Manifest | None, pods: Iterable[Manifest], now: datetime
) -> Trouble | None:
    """The gravest thing that is wrong with a revision's replicas, or ``None``."""
    found = [item for pod in pods for item in _pod(revision, pod, now)]
    found += list(_deployment(deployment))
    order = [_PULL_REASON, _CONFIG_REASON, _OOM, "ReplicaEnded", "Evicted", "Unschedulable"]
    ranks = {reason: rank for rank, reason in enumerate(order)}
    return min(found, key=lambda item: ranks.get(item.reason, len(order)), default=None)


_PULL_REASON = "ImagePull"
_CONFIG_REASON = "MissingReference"


def _pod(revision: RevisionSpec, pod: Manifest, now: datetime) -> Iterator[Trouble]:
    status = pod.get("status") or {}
    if pod["metadata"].get("deletionTimestamp"):
        return  # it ends because it was told to
    changed = [item.get("lastTransitionTime") or "" for item in status.get("conditions") or []]
    if status.get("reason") == "Evicted" and _recent(max(changed, default=""), now):
        yield Trouble("Evicted", f"a replica was evicted: {status.get('message', '')}", fatal=False)
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            asked = f"{revision.resources.cpu} CPU and {revision.resources.memory} memory"
            said = str(condition.get("message", "")).partition(". ")[
                0
            ]  # the rest is the scheduler's own business
            yield Trouble(
                "Unschedulable",
                f"no node has room for a replica with {asked}: {said}",
                fatal=False,
            )
    for container in status.get("containerStatuses") or []:
        if container.get("name") == CONTAINER:
            yield from _container(revision, container, now)


def _container(
    revision: RevisionSpec, container: dict[str, Any], now: datetime
) -> Iterator[Trouble]:
    waiting = (container.get("state") or {}).get("waiting") or {}
    reason, message = waiting.get("reason", ""), waiting.get("message", "")
    if reason in _PULL:
        yield Trouble(
            _PULL_REASON,
            f"the function's image {revision.image} can't be pulled: {message or reason}; "
            "whoever runs the platform has to look at the registry",
        )
    elif reason in _CONFIG:
        yield Trouble(
            _CONFIG_REASON,
            f"a replica can't start: {message or reason}; create what is missing or change spec.env",
        )
    for state in ("state", "lastState"):
        ended = (container.get(state) or {}).get("terminated")
        at = (ended or {}).get("finishedAt") or ""
        if ended and (reason == "CrashLoopBackOff" or _recent(at, now)):
            yield _ended(revision, ended, int(container.get("restartCount", 0)))
            return


def _recent(at: str, now: datetime) -> bool:
    """Whether a moment (RFC 3339 in whole seconds, UTC) is worth mentioning; an unknown one is."""
    if not at:
        return True
    return now - datetime.strptime(at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) < RECENT


def _ended(revision: RevisionSpec, ended: dict[str, Any], restarts: int) -> Trouble:
    code, own = ended.get("exitCode", 0), str(ended.get("message") or "").strip()
    if len(own) > SAID_LIMIT:
        own = "…" + own[-SAID_LIMIT:]
    times = f"{restarts} restarts so far" if restarts != 1 else "1 restart so far"
    if ended.get("reason") == _OOM or (code == _SIGKILL and "memory" in own.lower()):
        return Trouble(
            _OOM,
            f"a replica needed more than its {revision.resources.memory} of memory and was killed "
            f"(OOMKilled, exit code {code}, {times}); raise spec.resources.memory or use less"
            + (f". It said: {own}" if own else ""),
        )
    said = f": {own}" if own else "; its log says more"
    return Trouble("ReplicaEnded", f"a replica ended with exit code {code} ({times}){said}")


def _deployment(deployment: Manifest | None) -> Iterator[Trouble]:
    for condition in ((deployment or {}).get("status") or {}).get("conditions") or []:
        kind, status = condition.get("type"), condition.get("status")
        message = condition.get("message", "")
        if kind == "ReplicaFailure" and status == "True":
            quota = "exceeded quota" in message
            yield Trouble(
                "QuotaExceeded" if quota else "ReplicaRefused",
                f"a replica can't be made: {message}"
                + ("; free something in the namespace or ask for more" if quota else ""),
            )
        elif kind == "Progressing" and status == "False":
            yield Trouble("TooSlow", f"the replicas did not become ready in time: {message}")
