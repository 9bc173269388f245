"""A function that goes to zero and comes back: the waker in its Service, then no replica, then a replica and no waker.

The Service keeps its selector, so the pods' endpoints stay Kubernetes' business; the waker is one more EndpointSlice. It
sets the replicas from 0 to 1 when it is called (`funkhaus.services.waking`); nothing here does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus.domain.kinds import DEPLOYMENT, ENDPOINT_SLICE
from funkhaus.domain.slumber import Phase, Sight, Step, step
from funkhaus.manifests import function as builders
from funkhaus.manifests import waking
from funkhaus.services.materialisation.diagnosis import replicas
from funkhaus.services.materialisation.upkeep import remove

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from funkhaus.domain.function import Function
    from funkhaus.manifests.labels import Site
    from funkhaus.manifests.waking import Addresses
    from funkhaus.ports import Clock, Cluster, Manifest
    from funkhaus.services.materialisation.idleness import Idleness
    from funkhaus.services.materialisation.observed import Observed
    from funkhaus.services.materialisation.upkeep import Upkeep

WAKERS_SEEN = 20
"""EndpointSlices of the waker's own Service that are read."""


@dataclass(frozen=True, slots=True)
class Bed:
    """Whether a function may sleep and how far it has gone, at the beginning of a round."""

    waker: Addresses
    phase: Phase | None = None

    @property
    def asleep(self) -> bool:
        """Whether no replica of what serves is wanted, for it sleeps."""
        return self.phase is Phase.ASLEEP and bool(self.waker)


AWAKE = Bed(waking.Addresses())


class Sleeping:
    """Puts functions to sleep, and takes the waker out of a Service when it has done its work."""

    def __init__(
        self, cluster: Cluster, upkeep: Upkeep, clock: Clock, idleness: Idleness, *, system: str
    ) -> None:
        self._cluster, self._upkeep, self._clock = cluster, upkeep, clock
        self._idleness, self._system = idleness, system

    async def bed(self, function: Function, seen: Observed) -> Bed:
        """Look whether it may sleep: its spec says so, and a waker is there."""
        found = waking.phase(seen.waker)
        if function.spec.scaling.min > 0 and found is None:
            return AWAKE
        waker = waking.Addresses()
        if function.spec.scaling.min == 0:
            waker = waking.addresses(
                await self._cluster.list(
                    ENDPOINT_SLICE,
                    self._system,
                    labels={waking.SERVICE_NAME: waking.SERVICE},
                    limit=WAKERS_SEEN,
                )
            )
        return Bed(waker, found[0] if found else None)

    async def settle(
        self,
        site: Site,
        function: Function,
        seen: Observed,
        bed: Bed,
        deployments: Mapping[str, Manifest],
        active: str,
        *,
        settled: bool,
    ) -> tuple[Bed, dict[str, Manifest], float | None]:
        """The next step: how far it has gone after it, the Deployments it changed, and when to look again."""
        if seen.waker is None and not bed.waker:
            return AWAKE, {}, None
        sight = await self._sight(
            function, seen, bed, deployments.get(active), active, settled=settled
        )
        limit = float(function.spec.scaling.idle)
        what, after = step(sight, limit)
        now = self._clock.now()
        if what is Step.RISE:
            self._idleness.forget(function.uid)
            await remove(self._cluster, seen.waker, builders.owner(function))
            return Bed(bed.waker), {}, after
        if what is Step.DOZE:
            await self._join(site, function, seen, bed.waker, Phase.DOZING, now)
            return Bed(bed.waker, Phase.DOZING), {}, after
        if what is Step.SLEEP:
            # In this order: should we end in between, it is a function that was woken already.
            await self._join(site, function, seen, bed.waker, Phase.ASLEEP, now)
            self._idleness.forget(function.uid)
            slept = await self._cluster.merge_patch(
                DEPLOYMENT, site.namespace, active, {"spec": {"replicas": 0}}
            )
            return Bed(bed.waker, Phase.ASLEEP), {active: slept}, after
        if (found := waking.phase(seen.waker)) and bed.waker:
            await self._join(site, function, seen, bed.waker, *found)
        return bed, {}, after

    async def _sight(
        self,
        function: Function,
        seen: Observed,
        bed: Bed,
        deployment: Manifest | None,
        active: str,
        *,
        settled: bool,
    ) -> Sight:
        count = replicas(deployment)
        allowed = function.spec.scaling.min == 0 and bool(bed.waker)
        found, idle = waking.phase(seen.waker), None
        if allowed and settled and count.ready and bed.phase is not Phase.ASLEEP:
            pods = [pod for pod in seen.pods_of(active) if _answers(pod)]
            if len(pods) >= count.ready:  # else one that may be busy is not among them
                idle = await self._idleness.seconds(function.uid, pods)
        lasted = (self._clock.now() - found[1]).total_seconds() if found else 0.0
        return Sight(
            allowed=allowed,
            settled=settled,
            replicas=count.wanted,
            ready=count.ready,
            phase=bed.phase,
            phase_for=lasted,
            idle=idle,
        )

    async def _join(
        self,
        site: Site,
        function: Function,
        seen: Observed,
        waker: Addresses,
        phase: Phase,
        since: datetime,
    ) -> None:
        wanted = waking.endpoint_slice(site, function, waker, phase, since)
        await self._upkeep.ensure(wanted, builders.owner(function), seen.waker)


def _answers(pod: Manifest) -> bool:
    if pod["metadata"].get("deletionTimestamp") or not (pod.get("status") or {}).get("podIP"):
        return False
    conditions = pod["status"].get("conditions") or []
    return any(item.get("type") == "Ready" and item.get("status") == "True" for item in conditions)
