"""What a function's replicas do and use now: calls by their own counters, CPU and memory by metrics.k8s.io as the user."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus.domain import load, quantity
from funkhaus.domain.errors import FunkhausError, NotFoundError
from funkhaus.domain.kinds import POD, POD_METRICS
from funkhaus.domain.permission import Permission
from funkhaus.manifests import labels
from funkhaus.manifests.pod import CONTAINER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from funkhaus.domain.load import Work
    from funkhaus.ports import Activity, Cluster, Manifest
    from funkhaus.services.acts import Asker
    from funkhaus.services.functions import FunctionService
    from funkhaus.services.resources import Place

REPLICAS = 100
"""Replicas that are asked at most."""
AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Use:
    """Processor time in thousandths of a core, memory in bytes, over the metrics server's last window."""

    cpu: int
    memory: int


@dataclass(frozen=True, slots=True)
class Replica:
    """One pod. `work` and `use` are ``None`` where nobody says."""

    name: str
    ready: bool
    work: Work | None
    use: Use | None


@dataclass(frozen=True, slots=True)
class Load:
    """A function's. `unmeasured` says why no replica has a `use`, empty where some may."""

    replicas: Sequence[Replica]
    unmeasured: str = ""

    @property
    def work(self) -> Work:
        """Of all that answered."""
        return load.together(one.work for one in self.replicas if one.work)

    @property
    def use(self) -> Use | None:
        """Of all that are measured; ``None`` where none is."""
        found = [one.use for one in self.replicas if one.use]
        if not found:
            return None
        return Use(sum(use.cpu for use in found), sum(use.memory for use in found))


class LoadService:
    """Pods and their use are read as the user; replicas are asked at the addresses Kubernetes says they have."""

    def __init__(self, functions: FunctionService, cluster: Cluster, activity: Activity) -> None:
        self._functions, self._cluster, self._activity = functions, cluster, activity
        self._places = asyncio.Semaphore(AT_ONCE)

    async def of(self, asker: Asker, place: Place, name: str) -> Load:
        """The load; raises `NotFoundError`, `ForbiddenError`."""
        async with self._functions.reading(asker, place, Permission.FUNCTION_READ, name) as where:
            await self._functions.one(asker, where, name)
            mine = {labels.FUNCTION: name}
            pods = await self._cluster.list(
                POD, where.cluster_name, labels=mine, limit=REPLICAS, subject=asker.subject
            )
            pods = [pod for pod in pods if _runs(pod)]
            (used, why), works = await asyncio.gather(
                self._used(asker, where.cluster_name, mine),
                asyncio.gather(*(self._work(pod) for pod in pods)),
            )
        return Load(
            [
                Replica(
                    pod["metadata"]["name"], _ready(pod), work, used.get(pod["metadata"]["name"])
                )
                for pod, work in zip(pods, works, strict=True)
            ],
            why,
        )

    async def _used(
        self, asker: Asker, namespace: str, mine: Mapping[str, str]
    ) -> tuple[dict[str, Use], str]:
        """By pod; and why there is nothing: a cluster need not have a metrics server, and it starts late."""
        try:
            found = await self._cluster.list(
                POD_METRICS, namespace, labels=mine, limit=REPLICAS, subject=asker.subject
            )
        except NotFoundError:
            return {}, "this cluster has no metrics.k8s.io"
        except FunkhausError as error:
            return {}, f"metrics.k8s.io does not say: {error.message}"
        return {item["metadata"]["name"]: use for item in found if (use := _use(item))}, ""

    async def _work(self, pod: Manifest) -> Work | None:
        host = str((pod.get("status") or {}).get("podIP") or "")
        if not host:
            return None
        async with self._places:
            try:
                return await self._activity.work(host)
            except FunkhausError:
                return None


def _use(item: Manifest) -> Use | None:
    for container in item.get("containers") or []:
        if container.get("name") == CONTAINER:
            usage = container.get("usage") or {}
            cpu = quantity.parse(str(usage.get("cpu", "")))
            memory = quantity.parse(str(usage.get("memory", "")))
            if cpu is not None and memory is not None:
                return Use(round(cpu * 1000), int(memory))
    return None


def _runs(pod: Manifest) -> bool:
    phase = (pod.get("status") or {}).get("phase")
    return not pod["metadata"].get("deletionTimestamp") and phase not in {"Succeeded", "Failed"}


def _ready(pod: Manifest) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(item.get("type") == "Ready" and item.get("status") == "True" for item in conditions)
