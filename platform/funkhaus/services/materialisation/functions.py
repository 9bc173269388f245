"""A Function: which revision it asks for, which one serves, and what has to change between the two.

The public Service's selector says which revision is active. A new revision runs beside it until its replicas are ready;
then the selector moves, and what served before ends a little later. A spec that is refused, can't be built or never
becomes ready leaves the active revision as it is, and so does one that waits for an approval.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from funkhaus.crd import function as function_crd
from funkhaus.crd import revision as revision_crd
from funkhaus.crd.conditions import ADMITTED, BUILT, DEGRADED, READY, Condition
from funkhaus.domain.errors import ForbiddenError, InvalidError, UnavailableError
from funkhaus.domain.function import RevisionSpec
from funkhaus.domain.kinds import FUNCTION
from funkhaus.manifests import build as builders
from funkhaus.services.build_quota import BuildQuota
from funkhaus.services.materialisation import building, resting
from funkhaus.services.materialisation.appraisal import appraise, fields
from funkhaus.services.materialisation.approving import approved
from funkhaus.services.materialisation.builds import Builds
from funkhaus.services.materialisation.observed import observe
from funkhaus.services.materialisation.parts import (
    GONE,
    Judged,
    Next,
    admission,
    charged,
    facts_of,
    site,
)
from funkhaus.services.materialisation.revisions import Assembly
from funkhaus.services.materialisation.rollout import Rollout
from funkhaus.services.materialisation.sources import Sources
from funkhaus.services.materialisation.upkeep import ForeignError
from funkhaus.services.materialisation.workshop import Workshop
from funkhaus.services.running import most

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.domain.build import BuildRules
    from funkhaus.domain.tenant import TenantFacts
    from funkhaus.ports import BuildResults, Clock, Cluster, ImageRegistry, Manifest, Stores
    from funkhaus.services.holding import Holding
    from funkhaus.services.ledger import LedgerService
    from funkhaus.services.materialisation.observed import Observed
    from funkhaus.services.materialisation.parts import Judge
    from funkhaus.services.materialisation.sleeping import Sleeping
    from funkhaus.services.materialisation.standing import Standing
    from funkhaus.services.materialisation.upkeep import Upkeep


class FunctionMaterialiser:
    """The one `reconcile` of Functions. `kept` is how many revisions stay for going back to, beside those in use."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        registry: ImageRegistry,
        judge: Judge,
        ledger: LedgerService,
        holding: Holding,
        stores: Stores,
        clock: Clock,
        standing: Standing,
        upkeep: Upkeep,
        results: BuildResults,
        builds: BuildRules,
        sleeping: Sleeping,
        kept: int,
    ) -> None:
        self._cluster, self._judge, self._stores, self._clock = cluster, judge, stores, clock
        self._standing, self._ledger, self._holding = standing, ledger, holding
        quota = BuildQuota(stores, clock)
        self._workshop = Workshop(cluster, results, clock, builds, quota)
        self._assembly = Assembly(
            cluster,
            registry,
            Builds(registry, self._workshop, builds),
            Sources(cluster, registry, self._workshop, builds),
        )
        self._rollout = Rollout(cluster, upkeep, clock, sleeping, kept)

    async def reconcile(self, namespace: str, name: str) -> Next:
        """Make the cluster what the Function asks for, as far as that goes now.

        What the user can mend ends in conditions. Raises `UnavailableError` and `ConflictError`, which pass: try again.
        """
        manifest = await self._cluster.get(FUNCTION, namespace, name)
        if manifest is None:
            await self._ledger.missing(FUNCTION, namespace, name)
            await self._holding.gone(FUNCTION, namespace, name)
            return GONE  # what it owns is collected by Kubernetes
        try:
            return await self._reconcile(manifest)
        except (InvalidError, ForbiddenError, ForeignError) as error:
            reason = "Conflict" if isinstance(error, ForeignError) else "Refused"
            await self._standing.write(
                manifest,
                [
                    Condition(READY, status=False, reason=reason, message=error.message),
                    Condition(DEGRADED, status=True, reason=reason, message=error.message),
                ],
            )
            return Next("refused")
        except UnavailableError as error:
            message = f"{error.message}; it is tried again"
            waiting = Condition(DEGRADED, status=True, reason="Unavailable", message=message)
            await self._standing.write(manifest, [waiting])
            raise

    async def _reconcile(self, manifest: Manifest) -> Next:
        namespace = manifest["metadata"]["namespace"]
        facts = await facts_of(self._stores, namespace)
        if facts and facts.objections:
            return await self._rest(manifest, facts)
        if manifest["metadata"].get("deletionTimestamp"):
            return GONE  # for whoever holds it by a finalizer nothing changes any more
        seen: Observed | None = None
        try:
            function = function_crd.parse(manifest)
            judged, consent = Judged(self._judge.judge_function, manifest), None
            admitted = await admission(manifest, facts, judged)
            if facts:
                if admitted.status:
                    asked = partial(judged, facts)
                    held = await self._holding.stand(FUNCTION, manifest, facts.tenant, asked)
                    consent = approved(held)
                seen = await observe(self._cluster, function)
                pinned = {pin.revision for pin in seen.pins}
                runs = most(seen.deployments.values(), [*seen.autoscalers.values()], pinned)
                admitted = charged(admitted, await self._ledger.seen(FUNCTION, manifest, runs))
        except InvalidError as error:
            admitted = Condition(ADMITTED, status=False, reason="Invalid", message=error.message)
        if facts is None or seen is None:
            not_ready = Condition(
                READY, status=False, reason=admitted.reason, message=admitted.message
            )
            await self._standing.write(manifest, [admitted, not_ready])
            return Next("refused")
        let_in = [item for item in (admitted, consent) if item]
        return await self._materialise(manifest, facts, let_in, seen)

    async def _rest(self, manifest: Manifest, facts: TenantFacts) -> Next:
        """No rule is asked: what runs is taken away, and what was let in before is let in still when it comes back."""
        function = function_crd.parse(manifest)
        place = site(function.namespace, facts)
        for made in (builders.PACKAGES, builders.SOURCE):
            await self._workshop.tidy(place, function, made)
        seen = await resting.lay(self._cluster, function, await observe(self._cluster, function))
        before = manifest.get("status") or {}
        said = resting.conditions(facts.objections, "no replica runs")
        found = resting.fields(function, seen, before)
        await self._standing.write(manifest, said, found)
        return Next("resting")

    async def _materialise(
        self, manifest: Manifest, facts: TenantFacts, let_in: Sequence[Condition], seen: Observed
    ) -> Next:
        function = function_crd.parse(manifest)
        place = site(function.namespace, facts)
        latest = str((manifest.get("status") or {}).get("latestRevision") or "")
        conditions = list(let_in)
        refused = held = next((item for item in let_in if not item.status), None)
        wanted: RevisionSpec | Condition | None = None
        if not held:
            wanted = await self._assembly.revision(place, function, seen.revisions, latest)
            built = wanted if isinstance(wanted, Condition) else _built(wanted)
            conditions.append(built)
            held = None if built.status else built
        if not isinstance(wanted, RevisionSpec):  # what was let in last stays what is wanted
            known = seen.revisions.get(latest)
            wanted = revision_crd.parse(known) if known else None
        rolled = await self._rollout.advance(place, function, seen, wanted, scale=refused is None)
        conditions += appraise(seen, rolled, held, self._clock.now())
        await self._standing.write(manifest, conditions, fields(seen, rolled))
        if held and held.reason in building.UNDER_WAY:
            after = building.LOOK if rolled.after is None else min(building.LOOK, rolled.after)
            return Next("building", after)
        return Next("held" if held else "done", rolled.after)


def _built(revision: RevisionSpec) -> Condition:
    return Condition(
        BUILT, status=True, reason="Assembled", message=f"the image is {revision.image}"
    )
