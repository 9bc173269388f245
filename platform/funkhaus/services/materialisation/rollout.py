"""Moving a function from the revision that serves to the one it asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from funkhaus.crd import revision as revision_crd
from funkhaus.domain.errors import NotFoundError
from funkhaus.domain.kinds import DEPLOYMENT, FUNCTION_REVISION
from funkhaus.domain.names import revision_name
from funkhaus.domain.quota import replicas_within
from funkhaus.domain.split import seconds_left, together
from funkhaus.manifests import function as builders
from funkhaus.manifests import labels
from funkhaus.services.materialisation.diagnosis import replicas
from funkhaus.services.materialisation.revisions import last_of_use
from funkhaus.services.materialisation.sleeping import AWAKE, Bed
from funkhaus.services.materialisation.upkeep import remove
from funkhaus.services.running import replicas as replicas_now
from funkhaus.services.running import target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from funkhaus.domain.function import Function, RevisionSpec
    from funkhaus.domain.trigger import Pin
    from funkhaus.manifests.labels import Site
    from funkhaus.ports import Clock, Cluster, Manifest
    from funkhaus.services.materialisation.observed import Observed
    from funkhaus.services.materialisation.sleeping import Sleeping
    from funkhaus.services.materialisation.upkeep import Upkeep

LINGER = timedelta(seconds=15)
"""How long what served before goes on after the switch: proxies learn of it, calls in flight end."""
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(slots=True)
class Rolled:
    """Where a rollout stands: names of the active and the desired revision (empty: none), and what they run on."""

    active: str = ""
    desired: str = ""
    specs: dict[str, RevisionSpec] = field(default_factory=dict)
    deployments: dict[str, Manifest] = field(default_factory=dict)
    pins: dict[str, Pin] = field(default_factory=dict)
    """Revisions that triggers name beside whichever serves."""
    after: float | None = None
    bed: Bed = AWAKE

    def soon(self, after: float | None) -> None:
        """Look again in so many seconds at the latest."""
        if after is not None:
            self.after = after if self.after is None else min(self.after, after)


class Rollout:
    """One step of it, as far as it goes now."""

    def __init__(
        self, cluster: Cluster, upkeep: Upkeep, clock: Clock, sleeping: Sleeping, kept: int
    ) -> None:
        self._cluster, self._upkeep, self._clock, self._kept = cluster, upkeep, clock, kept
        self._sleeping = sleeping

    async def advance(
        self,
        site: Site,
        function: Function,
        seen: Observed,
        desired: RevisionSpec | None,
        *,
        scale: bool,
    ) -> Rolled:
        """Keep up what serves, bring up what is desired, switch when it is ready, clear away the rest.

        `scale` says whether the function's present scaling may be put in force. Raises `ForeignError` and the cluster's
        errors.
        """
        rolled = _start(function, seen, desired, self._clock.now())
        if not rolled.specs:
            return rolled
        owner = builders.owner(function)
        await self._upkeep.ensure(builders.service_account(site, function), owner)
        for name, spec in rolled.specs.items():
            rolled.deployments[name] = await self._upkeep.ensure(
                builders.deployment(site, function, spec),
                owner,
                seen.deployments.get(name),
            )
            service = builders.revision_service(site, function, name)
            await self._upkeep.ensure(service, owner, seen.services.get(name))
        rolled.bed = await self._sleeping.bed(function, seen)
        if scale:
            await self._size(function, seen, rolled)
        settled_in = await self._switch(site, function, seen, rolled)
        if scale:
            await self._autoscale(site, function, seen, rolled)
        await self._sleep(site, function, seen, rolled, scale=scale)
        await self._clear(function, seen, rolled, settled_in)
        return rolled

    async def _sleep(
        self, site: Site, function: Function, seen: Observed, rolled: Rolled, *, scale: bool
    ) -> None:
        """One step towards sleep or back; the autoscaler stays, for it leaves alone what has no replica."""
        rolled.bed, changed, after = await self._sleeping.settle(
            site,
            function,
            seen,
            rolled.bed,
            rolled.deployments,
            rolled.active,
            settled=scale and rolled.active == rolled.desired and rolled.active not in rolled.pins,
        )
        rolled.deployments |= changed
        rolled.soon(after)

    async def _size(self, function: Function, seen: Observed, rolled: Rolled) -> None:
        """Replicas by patch, and only where no autoscaler decides: a field never applied is never lost by applying."""
        low, high = function.spec.scaling.least, max(1, function.spec.scaling.max)
        current = low
        if rolled.active:
            current = replicas(rolled.deployments[rolled.active]).wanted
        targets = {target(item) for item in seen.autoscalers.values()}
        for name, deployment in rolled.deployments.items():
            # Nothing but us leaves zero, where a function that rested comes from: an autoscaler never does.
            new = name not in seen.deployments or not replicas(deployment).wanted
            if name == rolled.active and new and rolled.bed.asleep and name not in rolled.pins:
                continue  # the waker's to wake
            if name in targets and not new:
                continue
            stays = name == rolled.active or name in rolled.pins
            if stays and not new and builders.scales(function.spec.scaling):
                continue  # the autoscaler is about to come
            wanted = low if name == rolled.active else min(max(current, low), high)
            wanted = min(wanted, _most(function, seen, rolled, name))
            if replicas(deployment).wanted != wanted:
                meta = deployment["metadata"]
                rolled.deployments[name] = await self._cluster.merge_patch(
                    DEPLOYMENT, meta["namespace"], name, {"spec": {"replicas": wanted}}
                )

    async def _switch(
        self, site: Site, function: Function, seen: Observed, rolled: Rolled
    ) -> float:
        """Point the public Service at what should serve; the seconds until the last switch has settled."""
        now = self._clock.now()
        public = seen.services.get(function.name)
        switched_at = _switched_at(public) or now
        serving = rolled.active or rolled.desired
        if rolled.desired and rolled.desired != serving:
            old = replicas(rolled.deployments[serving])
            new = replicas(rolled.deployments[rolled.desired])
            if new.complete or (new.ready and not old.ready):
                serving, switched_at = rolled.desired, now
        rolled.active = serving
        if replicas(rolled.deployments[serving]).ready:
            await self._note_serving(site, seen, serving, switched_at)
        await self._upkeep.ensure(
            builders.public_service(site, function, serving, switched_at),
            builders.owner(function),
            public,
        )
        return max(0.0, (switched_at + LINGER - now).total_seconds())

    async def _note_serving(
        self, site: Site, seen: Observed, revision: str, switched_at: datetime
    ) -> None:
        """Write into the revision that it serves, and since when: what `rollback` goes back to."""
        since = switched_at.strftime(_TIME)
        known = seen.revisions.get(revision)
        if known and revision_crd.served_at(known) == since:
            return
        try:
            await self._cluster.apply_status(
                {
                    "apiVersion": FUNCTION_REVISION.api_version,
                    "kind": FUNCTION_REVISION.name,
                    "metadata": {"namespace": site.namespace, "name": revision},
                    "status": {"servedAt": since},
                }
            )
        except NotFoundError:
            return  # somebody deleted it just now: it is made again in the next round

    async def _autoscale(
        self, site: Site, function: Function, seen: Observed, rolled: Rolled
    ) -> None:
        """One under the function's name for what serves, and one of its own for each other revision that is pinned."""
        owner, wanted = builders.owner(function), dict[str, Any]()
        if builders.scales(function.spec.scaling):
            for name in (rolled.active, *rolled.pins):
                own, most = name != rolled.active, _most(function, seen, rolled, name)
                made = builders.autoscaler(site, function, name, most, own=own)
                wanted.setdefault(name if own else function.name, made)
        for name, live in seen.autoscalers.items():
            if name not in wanted and await remove(self._cluster, live, owner):
                rolled.after = 0.0  # the number of replicas is ours again: set it in the next round
        for name, made in wanted.items():
            await self._upkeep.ensure(made, owner, seen.autoscalers.get(name))

    async def _clear(
        self, function: Function, seen: Observed, rolled: Rolled, settled_in: float
    ) -> None:
        """Take away what neither serves nor is about to, once the last switch has settled."""
        owner = builders.owner(function)
        keep = {rolled.active, rolled.desired, *rolled.pins}
        stale = [item for name, item in seen.deployments.items() if name not in keep]
        stale += [
            item
            for name, item in seen.services.items()
            if name not in keep and name != function.name
        ]
        if settled_in and stale:
            rolled.soon(settled_in)
        else:
            for item in stale:
                await remove(self._cluster, item, owner)
        newest = sorted(
            seen.revisions.values(),
            key=lambda item: (last_of_use(item), item["metadata"]["name"]),
            reverse=True,
        )
        unused = [item for item in newest if item["metadata"]["name"] not in keep]
        for item in unused[self._kept :]:
            await remove(self._cluster, item, owner)


def _start(
    function: Function, seen: Observed, desired: RevisionSpec | None, now: datetime
) -> Rolled:
    rolled = Rolled(active=seen.active(function.name))
    if rolled.active:
        rolled.specs[rolled.active] = revision_crd.parse(seen.revisions[rolled.active])
    if desired:
        rolled.desired = revision_name(function.name, desired.digest)
        rolled.specs[rolled.desired] = desired
    if not rolled.specs:
        return rolled
    for name, pin in together(seen.pins, now).items():
        if name not in seen.revisions:
            continue  # the trigger says so
        rolled.pins[name] = pin
        rolled.soon(seconds_left(pin, now))
        if name not in rolled.specs:
            rolled.specs[name] = revision_crd.parse(seen.revisions[name])
    return rolled


def _most(function: Function, seen: Observed, rolled: Rolled, name: str) -> int:
    """The most replicas a revision may have: where a smaller one is asked for, the charge covers no more than it has; one
    that is there for a trigger's sake has those the trigger is charged.
    """
    if name not in {rolled.active, rolled.desired}:
        return max(1, min(function.spec.scaling.max, rolled.pins[name].replicas))
    now = replicas_now(seen.deployments.get(name), seen.autoscalers.values())
    return replicas_within(function, rolled.specs[name].resources, now)


def _switched_at(public: Manifest | None) -> datetime | None:
    annotations: Mapping[str, str] = ((public or {}).get("metadata") or {}).get("annotations") or {}
    try:
        return datetime.strptime(annotations[labels.SWITCHED_AT], _TIME).replace(tzinfo=UTC)
    except (KeyError, ValueError):
        return None
