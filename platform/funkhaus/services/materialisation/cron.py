"""A CronJobTrigger: the CronJob that calls a function on schedule, and what became of its runs.

A trigger whose function is missing makes no runs and says so; it heals when the function appears.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from funkhaus.crd import cron_job_trigger as cron_job_trigger_crd
from funkhaus.crd import runtime as runtime_crd
from funkhaus.crd.conditions import READY, Condition
from funkhaus.domain import cron
from funkhaus.domain.kinds import CRON_JOB, CRON_JOB_TRIGGER, FUNCTION, JOB, POD, RUNTIME
from funkhaus.manifests import cron as builders
from funkhaus.services.materialisation import resting, runs
from funkhaus.services.materialisation.calling import Calling, CallingMaterialiser
from funkhaus.services.materialisation.parts import Next, site, timeout_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from funkhaus.domain.tenant import TenantFacts
    from funkhaus.domain.trigger import CronJobTrigger
    from funkhaus.ports import Clock, Cluster, Manifest, Stores
    from funkhaus.services.holding import Holding
    from funkhaus.services.ledger import LedgerService
    from funkhaus.services.materialisation.parts import Judge, Surroundings
    from funkhaus.services.materialisation.standing import Standing
    from funkhaus.services.materialisation.upkeep import Upkeep

RUNS_SEEN = 50
"""Jobs and pods of one trigger that are read."""
SETTLE = 5.0
"""Seconds after a run's time at which the trigger is looked at."""


class CronMaterialiser(CallingMaterialiser["CronJobTrigger"]):
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
        upkeep: Upkeep,
        surroundings: Surroundings,
    ) -> None:
        super().__init__(
            Calling(
                CRON_JOB_TRIGGER, cron_job_trigger_crd.parse, judge.judge_cron_job_trigger, CRON_JOB
            ),
            cluster=cluster,
            ledger=ledger,
            holding=holding,
            stores=stores,
            standing=standing,
            upkeep=upkeep,
            surroundings=surroundings,
        )
        self._clock = clock

    async def _rest(self, manifest: Manifest, trigger: CronJobTrigger, facts: TenantFacts) -> None:
        """The CronJob begins no run; one that has begun is told of when it ends."""
        live = await self._cluster.get(CRON_JOB, trigger.namespace, trigger.name)
        if live and builders.owner(trigger).owns(live) and not live["spec"].get("suspend"):
            live = await self._cluster.merge_patch(
                CRON_JOB, trigger.namespace, trigger.name, {"spec": {"suspend": True}}
            )
        seen = await self._runs(trigger, live)
        said = resting.conditions(facts.objections, "no run begins")
        status = {**seen.status, "running": seen.running, "missedRuns": 0}
        await self._standing.write(manifest, said, status)

    async def _materialise(
        self,
        manifest: Manifest,
        trigger: CronJobTrigger,
        facts: TenantFacts,
        let_in: Sequence[Condition],
    ) -> Next:
        namespace, caller = trigger.namespace, self._around.caller_runtime
        function, runtime, live = await asyncio.gather(
            self._cluster.get(FUNCTION, namespace, trigger.spec.function),
            self._cluster.get(RUNTIME, "", caller),
            self._cluster.get(CRON_JOB, namespace, trigger.name),
        )
        obstacle = _obstacle(trigger, function, runtime, caller)
        idle = trigger.spec.suspend or obstacle is not None
        if runtime is not None:
            wanted = builders.cron_job(
                site(namespace, facts),
                trigger,
                image=runtime_crd.parse(runtime).image,
                timeout=timeout_of(function),
                suspend=idle,
            )
            live = await self._upkeep.ensure(wanted, builders.owner(trigger), live)
        seen, now = await self._runs(trigger, live), self._clock.now()
        status: dict[str, Any] = {**seen.status, "running": seen.running, "missedRuns": 0}
        coming = None if idle else _count(trigger, seen, status, now)
        ready = obstacle or _ready(trigger)
        degraded = runs.degraded(seen, status["missedRuns"])
        await self._standing.write(manifest, [*let_in, ready, degraded], status)
        after = (coming - now).total_seconds() + SETTLE if coming else None
        return Next("done" if ready.status else "held", after)

    async def _runs(self, trigger: CronJobTrigger, live: Manifest | None) -> runs.Seen:
        namespace, selected = trigger.namespace, builders.selected(trigger.name)
        jobs, pods = await asyncio.gather(
            self._cluster.list(JOB, namespace, labels=selected, limit=RUNS_SEEN),
            self._cluster.list(POD, namespace, labels=selected, limit=RUNS_SEEN),
        )
        own = [job for job in jobs if live and runs.is_of(job, live)]
        return runs.observe(trigger, live, own, pods)


def _count(
    trigger: CronJobTrigger, seen: runs.Seen, status: dict[str, Any], now: datetime
) -> datetime | None:
    """Write into `status` when the next run is due and how many were missed; the former is returned, too."""
    schedule, zone = cron.parse(trigger.spec.schedule), cron.zone(trigger.spec.time_zone)
    if zone is None:
        return None
    status["missedRuns"] = runs.missed(seen, schedule, zone, now)
    coming = schedule.after(now, zone)
    if coming:
        status["nextRun"] = coming.strftime(runs.TIME)
    return coming


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
