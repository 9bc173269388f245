"""A CronJobTrigger: the CronJob that calls a function on schedule, and what became of its runs.

A trigger whose function is missing makes no runs and says so; it heals when the function appears.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from funkhaus.crd import cron_job_trigger as cron_job_trigger_crd
from funkhaus.crd import runtime as runtime_crd
from funkhaus.crd.conditions import ADMITTED, DEGRADED, READY, Condition
from funkhaus.domain import cron
from funkhaus.domain.errors import ForbiddenError, InvalidError, UnavailableError
from funkhaus.domain.function import DEFAULT_TIMEOUT
from funkhaus.domain.kinds import CRON_JOB, CRON_JOB_TRIGGER, FUNCTION, JOB, POD, RUNTIME
from funkhaus.manifests import cron as builders
from funkhaus.services.materialisation import runs
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
    from funkhaus.domain.trigger import CronJobTrigger
    from funkhaus.ports import Clock, Cluster, Manifest, Stores
    from funkhaus.services.holding import Holding
    from funkhaus.services.ledger import LedgerService
    from funkhaus.services.materialisation.parts import Judge, Surroundings
    from funkhaus.services.materialisation.standing import Standing

RUNS_SEEN = 50
"""Jobs and pods of one trigger that are read."""
SETTLE = 5.0
"""Seconds after a run's time at which the trigger is looked at."""


class CronMaterialiser:
    """The one `reconcile` of CronJobTriggers."""

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
        surroundings: Surroundings,
    ) -> None:
        self._cluster, self._judge, self._stores = cluster, judge, stores
        self._standing, self._around, self._ledger = standing, surroundings, ledger
        self._holding = holding
        self._clock = clock

    async def reconcile(self, namespace: str, name: str) -> Next:
        """Make the CronJob what the trigger asks for. Raises `UnavailableError` and `ConflictError`: try again."""
        manifest = await self._cluster.get(CRON_JOB_TRIGGER, namespace, name)
        if manifest is None:
            await self._ledger.missing(CRON_JOB_TRIGGER, namespace, name)
            await self._holding.gone(CRON_JOB_TRIGGER, namespace, name)
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
            trigger = cron_job_trigger_crd.parse(manifest)
            judged = Judged(self._judge.judge_cron_job_trigger, manifest)
            admitted = await admission(manifest, facts, judged)
            if facts:
                if admitted.status:
                    asked = partial(judged, facts)
                    held = await self._holding.stand(
                        CRON_JOB_TRIGGER, manifest, facts.tenant, asked
                    )
                    consent = approved(held)
                admitted = charged(admitted, await self._ledger.seen(CRON_JOB_TRIGGER, manifest))
        except InvalidError as error:
            admitted = Condition(ADMITTED, status=False, reason="Invalid", message=error.message)
            facts = None
        conditions = [item for item in (admitted, consent) if item]
        holding = next((item for item in conditions if not item.status), None)
        if facts is None or holding:
            why = holding or admitted
            message = f"{why.message}; the CronJob stays as it was"
            not_ready = Condition(READY, status=False, reason=why.reason, message=message)
            await self._standing.write(manifest, [*conditions, not_ready])
            return Next("held")
        return await self._materialise(manifest, trigger, facts, conditions)

    async def _materialise(
        self,
        manifest: Manifest,
        trigger: CronJobTrigger,
        facts: TenantFacts,
        let_in: Sequence[Condition],
    ) -> Next:
        namespace, selected = trigger.namespace, builders.selected(trigger.name)
        function, runtime, jobs, pods = await asyncio.gather(
            self._cluster.get(FUNCTION, namespace, trigger.spec.function),
            self._cluster.get(RUNTIME, "", self._around.caller_runtime),
            self._cluster.list(JOB, namespace, labels=selected, limit=RUNS_SEEN),
            self._cluster.list(POD, namespace, labels=selected, limit=RUNS_SEEN),
        )
        obstacle = _resting(facts) or _obstacle(
            trigger, function, runtime, self._around.caller_runtime
        )
        live = await self._cluster.get(CRON_JOB, namespace, trigger.name)
        if runtime is not None:
            wanted = builders.cron_job(
                site(namespace, facts),
                trigger,
                image=runtime_crd.parse(runtime).image,
                timeout=_timeout(function),
                suspend=trigger.spec.suspend or obstacle is not None,
            )
            live = await ensure(self._cluster, wanted, builders.owner(trigger), live)
        now = self._clock.now()
        schedule, zone = cron.parse(trigger.spec.schedule), cron.zone(trigger.spec.time_zone)
        idle = trigger.spec.suspend or obstacle is not None
        coming = schedule.after(now, zone) if zone and not idle else None
        own = [job for job in jobs if live and runs.is_of(job, live)]
        seen = runs.observe(trigger, live, own, pods)
        status: dict[str, Any] = {**seen.status, "running": seen.running}
        status["missedRuns"] = runs.missed(seen, schedule, zone, now) if zone and not idle else 0
        if coming:
            status["nextRun"] = coming.strftime(runs.TIME)
        ready = obstacle or _ready(trigger)
        degraded = runs.degraded(seen, status["missedRuns"])
        await self._standing.write(manifest, [*let_in, ready, degraded], status)
        after = (coming - now).total_seconds() + SETTLE if coming else None
        return Next("done" if ready.status else "held", after)


def _resting(facts: TenantFacts) -> Condition | None:
    if not facts.objections:
        return None
    said = "; ".join(item.sentence for item in facts.objections)
    return Condition(READY, status=False, reason="Resting", message=said)


def _timeout(function: Manifest | None) -> int:
    spec = (function or {}).get("spec") or {}
    found = spec.get("timeout")
    return found if isinstance(found, int) else DEFAULT_TIMEOUT


def _obstacle(
    trigger: CronJobTrigger, function: Manifest | None, runtime: Manifest | None, caller: str
) -> Condition | None:
    """Why there can be no runs, whoever has to change that."""
    if runtime is None:
        return Condition(
            READY,
            status=False,
            reason="RuntimeMissing",
            message=f"there is no runtime {caller!r}, whose image makes the calls; an administrator has to install it",
        )
    if function is None:
        return Condition(
            READY,
            status=False,
            reason="FunctionMissing",
            message=f"there is no function {trigger.spec.function!r} in this namespace; runs begin once it is there",
        )
    return None


def _ready(trigger: CronJobTrigger) -> Condition:
    if trigger.spec.suspend:
        message = "suspended: no run begins until spec.suspend is false"
        return Condition(READY, status=False, reason="Suspended", message=message)
    message = (
        f"{trigger.spec.function} is called at {trigger.spec.schedule!r} ({trigger.spec.time_zone})"
    )
    return Condition(READY, status=True, reason="Scheduled", message=message)
