"""An HTTPTrigger: the Ingress or HTTPRoute that makes a function reachable, there as soon as the trigger is let in and as
long as it is.

A trigger whose function is missing keeps its host and says so; it heals when the function appears.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.crd import http_trigger as http_trigger_crd
from funkhaus.crd.conditions import DEGRADED, READY, Condition
from funkhaus.domain.charge import Key
from funkhaus.domain.kinds import FUNCTION, HTTP_TRIGGER, INGRESS
from funkhaus.manifests import trigger as builders
from funkhaus.services.materialisation import resting
from funkhaus.services.materialisation.calling import Calling, CallingMaterialiser
from funkhaus.services.materialisation.parts import Next, site, timeout_of
from funkhaus.services.materialisation.ways import WaysIn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.domain.tenant import TenantFacts
    from funkhaus.domain.trigger import HTTPTrigger
    from funkhaus.ports import Clock, Cluster, Manifest, Stores
    from funkhaus.services.holding import Holding
    from funkhaus.services.ledger import LedgerService
    from funkhaus.services.materialisation.parts import Judge, Surroundings
    from funkhaus.services.materialisation.standing import Standing
    from funkhaus.services.materialisation.upkeep import Upkeep
    from funkhaus.services.materialisation.ways import Way


class TriggerMaterialiser(CallingMaterialiser["HTTPTrigger"]):
    """The one `reconcile` of HTTPTriggers."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        judge: Judge,
        ledger: LedgerService,
        holding: Holding,
        stores: Stores,
        clock: Clock,
        standing: Standing,
        upkeep: Upkeep,
        surroundings: Surroundings,
    ) -> None:
        super().__init__(
            Calling(HTTP_TRIGGER, http_trigger_crd.parse, judge.judge_http_trigger, INGRESS),
            cluster=cluster,
            ledger=ledger,
            holding=holding,
            stores=stores,
            standing=standing,
            upkeep=upkeep,
            surroundings=surroundings,
        )
        self._ways = WaysIn(cluster, upkeep, clock, surroundings)

    async def _rest(self, manifest: Manifest, trigger: HTTPTrigger, facts: TenantFacts) -> None:
        """The way in stays, and with it the host; behind it there is no replica."""
        del trigger
        said = resting.conditions(facts.objections, "the URL answers 503")
        await self._standing.write(manifest, said)

    async def _hold(self, manifest: Manifest, facts: TenantFacts) -> None:
        """The books hold the host that is asked for; the way in answers for the one before until somebody says yes."""
        meta = manifest["metadata"]
        key = Key(HTTP_TRIGGER.name, facts.namespace, meta["name"])
        for host in sorted(await self._ways.hosts(http_trigger_crd.parse(manifest))):
            await self._holding.goes_on_answering(facts.tenant, key, host)

    async def _materialise(
        self,
        manifest: Manifest,
        trigger: HTTPTrigger,
        facts: TenantFacts,
        let_in: Sequence[Condition],
    ) -> Next:
        place, around = site(trigger.namespace, facts), self._around
        function = await self._cluster.get(FUNCTION, trigger.namespace, trigger.spec.function)
        way = await self._ways.ensure(place, trigger, timeout_of(function))
        url = builders.url(place, trigger, around.domain, around.ingress_port)
        ready = _ready(trigger, url, function, way)
        fine = Condition(DEGRADED, status=False, reason="AsExpected", message="nothing is wrong")
        await self._standing.write(manifest, [*let_in, ready, fine], {"url": url})
        return Next("done" if ready.status else "held", way.after)


def _ready(trigger: HTTPTrigger, url: str, function: Manifest | None, way: Way) -> Condition:
    if function is None:
        return Condition(
            READY,
            status=False,
            reason="FunctionMissing",
            message=f"there is no function {trigger.spec.function!r} in this namespace; the trigger works once it is there",
        )
    if not way.open:
        return Condition(READY, status=way.open, reason=way.reason, message=way.message)
    methods = f" ({', '.join(trigger.spec.methods)})" if trigger.spec.methods else ""
    message = f"{url} leads to {trigger.spec.function}{methods}"
    return Condition(READY, status=True, reason=way.reason, message=message)
