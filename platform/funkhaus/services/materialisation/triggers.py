"""An HTTPTrigger: the Ingress that makes a function reachable, there as soon as the trigger is let in and as long as it is.

A trigger whose function is missing keeps its host and says so; it heals when the function appears.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from funkhaus.crd import http_trigger as http_trigger_crd
from funkhaus.crd.conditions import ADMITTED, DEGRADED, READY, Condition
from funkhaus.domain.errors import ForbiddenError, InvalidError, UnavailableError
from funkhaus.domain.kinds import FUNCTION, HTTP_TRIGGER
from funkhaus.manifests import trigger as builders
from funkhaus.services.materialisation.approving import approved
from funkhaus.services.materialisation.parts import (
    GONE,
    Judged,
    Next,
    admission,
    charged,
    facts_of,
    site,
)
from funkhaus.services.materialisation.upkeep import ForeignError, ensure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.domain.tenant import TenantFacts
    from funkhaus.domain.trigger import HTTPTrigger
    from funkhaus.ports import Cluster, Manifest, Stores
    from funkhaus.services.holding import Holding
    from funkhaus.services.ledger import LedgerService
    from funkhaus.services.materialisation.parts import Judge, Surroundings
    from funkhaus.services.materialisation.standing import Standing


class TriggerMaterialiser:
    """The one `reconcile` of HTTPTriggers."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        judge: Judge,
        ledger: LedgerService,
        holding: Holding,
        stores: Stores,
        standing: Standing,
        surroundings: Surroundings,
    ) -> None:
        self._cluster, self._judge, self._stores = cluster, judge, stores
        self._standing, self._around, self._ledger = standing, surroundings, ledger
        self._holding = holding

    async def reconcile(self, namespace: str, name: str) -> Next:
        """Make the Ingress what the trigger asks for. Raises `UnavailableError` and `ConflictError`: try again."""
        manifest = await self._cluster.get(HTTP_TRIGGER, namespace, name)
        if manifest is None:
            await self._ledger.missing(HTTP_TRIGGER, namespace, name)
            await self._holding.gone(HTTP_TRIGGER, namespace, name)
        if manifest is None or manifest["metadata"].get("deletionTimestamp"):
            return GONE
        try:
            return await self._reconcile(manifest)
        except (InvalidError, ForbiddenError, ForeignError) as error:
            reason = "Conflict" if isinstance(error, ForeignError) else "Refused"
            not_ready = Condition(READY, status=False, reason=reason, message=error.message)
            await self._standing.write(manifest, [not_ready])
            return Next("refused")
        except UnavailableError as error:
            message = f"{error.message}; it is tried again"
            waiting = Condition(DEGRADED, status=True, reason="Unavailable", message=message)
            await self._standing.write(manifest, [waiting])
            raise

    async def _reconcile(self, manifest: Manifest) -> Next:
        facts = await facts_of(self._stores, manifest["metadata"]["namespace"])
        consent: Condition | None = None
        try:
            trigger = http_trigger_crd.parse(manifest)
            judged = Judged(self._judge.judge_http_trigger, manifest)
            admitted = await admission(manifest, facts, judged)
            if facts:
                if admitted.status:
                    asked = partial(judged, facts)
                    held = await self._holding.stand(HTTP_TRIGGER, manifest, facts.tenant, asked)
                    consent = approved(held)
                admitted = charged(admitted, await self._ledger.seen(HTTP_TRIGGER, manifest))
        except InvalidError as error:
            admitted = Condition(ADMITTED, status=False, reason="Invalid", message=error.message)
            facts = None
        conditions = [item for item in (admitted, consent) if item]
        holding = next((item for item in conditions if not item.status), None)
        if facts is None or holding:
            why = holding or admitted
            message = f"{why.message}; the Ingress stays as it was"
            not_ready = Condition(READY, status=False, reason=why.reason, message=message)
            await self._standing.write(manifest, [*conditions, not_ready])
            return Next("held")
        return await self._materialise(manifest, trigger, facts, conditions)

    async def _materialise(
        self,
        manifest: Manifest,
        trigger: HTTPTrigger,
        facts: TenantFacts,
        let_in: Sequence[Condition],
    ) -> Next:
        place, around = site(trigger.namespace, facts), self._around
        wanted = builders.ingress(
            place, trigger, domain=around.domain, ingress_class=around.ingress_class
        )
        await ensure(self._cluster, wanted, builders.owner(trigger))
        function = await self._cluster.get(FUNCTION, trigger.namespace, trigger.spec.function)
        url = builders.url(place, trigger, around.domain, around.ingress_port)
        ready = _ready(trigger, url, function)
        fine = Condition(DEGRADED, status=False, reason="AsExpected", message="nothing is wrong")
        await self._standing.write(manifest, [*let_in, ready, fine], {"url": url})
        return Next("done" if ready.status else "held")


def _ready(trigger: HTTPTrigger, url: str, function: Manifest | None) -> Condition:
    if function is None:
        return Condition(
            READY,
            status=False,
            reason="FunctionMissing",
            message=f"there is no function {trigger.spec.function!r} in this namespace; the trigger works once it is there",
        )
    return Condition(
        READY, status=True, reason="Routed", message=f"{url} leads to {trigger.spec.function}"
    )
