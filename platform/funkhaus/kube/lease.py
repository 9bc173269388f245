"""Leader election on a coordination.k8s.io/v1 Lease: hold it or do nothing.

Two processes may both believe they hold it for as long as their clocks and a paused renewal allow; what the holder does
has to be harmless when done twice. Every write is conditional on the resource version that was read.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from funkhaus.domain.errors import ConflictError
from funkhaus.domain.kinds import LEASE

if TYPE_CHECKING:
    from funkhaus.kube.client import KubeCluster
    from funkhaus.ports import Clock, Manifest

_MICRO = "%Y-%m-%dT%H:%M:%S.%fZ"


class KubeLease:
    """One Lease as one candidate sees it.

    A foreign holder is judged by when *we* last saw its record change, so that clocks need not agree.
    """

    def __init__(
        self,
        cluster: KubeCluster,
        clock: Clock,
        *,
        namespace: str,
        name: str,
        identity: str,
        duration: float = 15.0,
    ) -> None:
        self._cluster, self._clock = cluster, clock
        self._namespace, self._name, self._identity = namespace, name, identity
        self._duration = timedelta(seconds=duration)
        self._seen: tuple[str, datetime] | None = None

    async def hold(self) -> bool:
        """Take or renew the Lease; whether it is ours now. Raises `UnavailableError` when nobody can say."""
        now = self._clock.now()
        lease = await self._cluster.get(LEASE, self._namespace, self._name)
        try:
            if lease is None:
                await self._create(now)
                return True
            if not self._free(lease, now):
                return False
            await self._take(lease, now)
        except ConflictError:  # somebody else was faster
            return False
        return True

    async def release(self) -> None:
        """Let the next one in at once, if the Lease is ours."""
        lease = await self._cluster.get(LEASE, self._namespace, self._name)
        if lease is None or lease["spec"].get("holderIdentity") != self._identity:
            return
        patch = {
            "metadata": {"resourceVersion": lease["metadata"]["resourceVersion"]},
            "spec": {"holderIdentity": ""},
        }
        try:
            await self._cluster.merge_patch(LEASE, self._namespace, self._name, patch)
        except ConflictError:
            return

    def _free(self, lease: Manifest, now: datetime) -> bool:
        holder = lease["spec"].get("holderIdentity") or ""
        version = lease["metadata"]["resourceVersion"]
        if self._seen is None or self._seen[0] != version:
            self._seen = (version, now)
        return holder in {"", self._identity} or now - self._seen[1] >= self._duration

    async def _create(self, now: datetime) -> None:
        manifest: Manifest = {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.name,
            "metadata": {"namespace": self._namespace, "name": self._name},
            "spec": {
                **self._record(now),
                "acquireTime": now.strftime(_MICRO),
                "leaseTransitions": 0,
            },
        }
        await self._cluster.request("POST", LEASE.path(self._namespace), body=manifest)

    async def _take(self, lease: Manifest, now: datetime) -> None:
        spec = self._record(now)
        if lease["spec"].get("holderIdentity") != self._identity:
            spec["acquireTime"] = now.strftime(_MICRO)
            spec["leaseTransitions"] = int(lease["spec"].get("leaseTransitions") or 0) + 1
        patch = {
            "metadata": {"resourceVersion": lease["metadata"]["resourceVersion"]},
            "spec": spec,
        }
        await self._cluster.merge_patch(LEASE, self._namespace, self._name, patch)

    def _record(self, now: datetime) -> Manifest:
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(self._duration.total_seconds()),
            "renewTime": now.astimezone(UTC).strftime(_MICRO),
        }
