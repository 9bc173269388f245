"""An HTTPTrigger: the Ingress or HTTPRoute that makes a function reachable, there as soon as the trigger is let in and as
long as it is.

A trigger whose function is missing keeps its host and says so; it heals when the function appears.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from funkhaus.crd import http_trigger as http_trigger_crd
from funkhaus.crd.conditions import READY, Condition
from funkhaus.domain.charge import Key
from funkhaus.domain.kinds import FUNCTION, HTTP_TRIGGER, INGRESS
from funkhaus.manifests import trigger as builders
from funkhaus.services.materialisation import resting, splitting
from funkhaus.services.materialisation.calling import Calling, CallingMaterialiser
from funkhaus.services.materialisation.parts import Next, site, timeout_of
from funkhaus.services.materialisation.splitting import Shares, Splitting
from funkhaus.services.materialisation.ways import WaysIn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.domain.quota import Amounts
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
        self._splitting = Splitting(cluster, ledger, clock)

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
        url = builders.url(place, trigger, around.domain, around.ingress_port)
        shares = Shares()
        if around.gateway:
            shares = await self._splitting.shares(manifest, trigger)
        if why := await self._not_yet(trigger, function, shares):
            return await self._wait(manifest, trigger, shares, [*let_in, why], url)
        seconds = max(timeout_of(function), shares.seconds)
        way = await self._ways.ensure(place, trigger, seconds)
        ready = _ready(trigger, url, function, way)
        pins, ends = await self._pins(manifest, trigger, shares)
        conditions = [*let_in, ready, splitting.degraded(trigger, shares)]
        await self._standing.write(manifest, conditions, {"url": url, **pins})
        again = splitting.LOOK_AGAIN if trigger.spec.named else None
        return Next("done" if ready.status else "held", _soonest(way.after, ends, again))

    async def _charges(self, manifest: Manifest, trigger: HTTPTrigger) -> tuple[Amounts, Amounts]:
        return await self._splitting.charges(manifest, trigger)

    async def _not_yet(
        self, trigger: HTTPTrigger, function: Manifest | None, shares: Shares
    ) -> Condition | None:
        """Why the way in stays as it is: the split names what is not there, or not ready to take its share."""
        if not trigger.spec.named or self._around.gateway is None:
            return None
        if function is None:
            return _missing(trigger)
        if absent := splitting.missing(trigger, shares):
            return absent
        names = shares.starting(await self._ways.led_to(trigger))
        return splitting.waiting(shares, names) if names else None

    async def _wait(
        self,
        manifest: Manifest,
        trigger: HTTPTrigger,
        shares: Shares,
        conditions: Sequence[Condition],
        url: str,
    ) -> Next:
        pins, ends = await self._pins(manifest, trigger, shares)
        url = str((manifest.get("status") or {}).get("url") or url)
        await self._standing.write(manifest, conditions, {"url": url, **pins})
        return Next("held", _soonest(splitting.LOOK, ends))

    async def _pins(
        self, manifest: Manifest, trigger: HTTPTrigger, shares: Shares
    ) -> tuple[dict[str, Any], float | None]:
        if not trigger.spec.named and not http_trigger_crd.pins(manifest):
            return {}, None
        return self._splitting.pins(manifest, shares, await self._ways.led_to(trigger))


def _soonest(*seconds: float | None) -> float | None:
    return min((item for item in seconds if item is not None), default=None)


def _missing(trigger: HTTPTrigger) -> Condition:
    return Condition(
        READY,
        status=False,
        reason="FunctionMissing",
        message=f"there is no function {trigger.spec.function!r} in this namespace; the trigger works once it is there",
    )


def _ready(trigger: HTTPTrigger, url: str, function: Manifest | None, way: Way) -> Condition:
    if function is None:
        return _missing(trigger)
    if not way.open:
        return Condition(READY, status=way.open, reason=way.reason, message=way.message)
    methods = f" ({', '.join(trigger.spec.methods)})" if trigger.spec.methods else ""
    message = f"{url} leads to {splitting.spoken(trigger)}{methods}"
    return Condition(READY, status=True, reason=way.reason, message=message)
