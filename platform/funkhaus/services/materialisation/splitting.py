"""A trigger's split: the revisions it names run before a call is led to them, and a while longer than that.

The trigger's status says which revisions run for its sake, and up to how many replicas it was charged (`pins`); the
function's materialiser has them run. Nothing but what the books hold gets there.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from funkhaus.crd import http_trigger as http_trigger_crd
from funkhaus.crd.conditions import DEGRADED, READY, Condition
from funkhaus.domain.kinds import DEPLOYMENT, HTTP_TRIGGER
from funkhaus.domain.quota import NOTHING, Amounts
from funkhaus.domain.split import NO_SPLIT, Split, pinned, seconds_left
from funkhaus.services.materialisation.diagnosis import replicas
from funkhaus.services.running import running
from funkhaus.services.splits import split_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from funkhaus.domain.trigger import HTTPTrigger
    from funkhaus.domain.verdict import Finding
    from funkhaus.ports import Clock, Cluster, Manifest
    from funkhaus.services.ledger import LedgerService

LOOK, LOOK_AGAIN = 2.0, 30.0
"""Seconds between looks at revisions that start, and at those that take their share."""


@dataclass(frozen=True, slots=True)
class Shares:
    """What a trigger's split is now. `count` is how many replicas of each revision it is charged, `objections` what keeps
    that from being the function's most; `deployments` are the named revisions' own.
    """

    split: Split = NO_SPLIT
    count: int = 0
    objections: tuple[Finding, ...] = ()
    deployments: Mapping[str, Manifest | None] = field(default_factory=dict)

    def unready(self) -> list[str]:
        """The revisions of which no replica takes calls."""
        return [name for name, live in self.deployments.items() if not replicas(live).ready]

    def starting(self, led: frozenset[str]) -> list[str]:
        """The revisions that no call is led to yet and that are not there with all their replicas."""
        return [
            name
            for name, live in self.deployments.items()
            if name not in led and not replicas(live).complete
        ]

    @property
    def seconds(self) -> int:
        """The longest time-out of the revisions."""
        return max((item.timeout for item in self.split.revisions.values()), default=0)


class Splitting:
    """Reads and charges what a split names."""

    def __init__(self, cluster: Cluster, ledger: LedgerService, clock: Clock) -> None:
        self._cluster, self._ledger, self._clock = cluster, ledger, clock

    async def charges(self, manifest: Manifest, trigger: HTTPTrigger) -> tuple[Amounts, Amounts]:
        """What runs for the trigger, and what it is charged beside itself: as much as it was, before it may be more."""
        pins = http_trigger_crd.pins(manifest)
        if not pins and not trigger.spec.named:
            return NOTHING, NOTHING
        split = await split_of(self._cluster, trigger)
        runs = await running(self._cluster, HTTP_TRIGGER, manifest)
        return runs, split.charge(split.promised(pins))

    async def shares(self, manifest: Manifest, trigger: HTTPTrigger) -> Shares:
        """What the split comes to; a function that may have more replicas than it might is followed where quota lets it."""
        if not trigger.spec.named:
            return Shares()
        split = await split_of(self._cluster, trigger)
        count = split.promised(http_trigger_crd.pins(manifest))
        objections: tuple[Finding, ...] = ()
        if split.replicas > count:
            runs = await running(self._cluster, HTTP_TRIGGER, manifest)
            more = split.charge(split.replicas)
            objections = await self._ledger.seen(HTTP_TRIGGER, manifest, runs, more)
            count = count if objections else split.replicas
        found = await asyncio.gather(
            *(self._cluster.get(DEPLOYMENT, trigger.namespace, name) for name in split.revisions)
        )
        return Shares(split, count, objections, dict(zip(split.revisions, found, strict=True)))

    def pins(
        self, manifest: Manifest, shares: Shares, led: frozenset[str]
    ) -> tuple[dict[str, Any], float | None]:
        """The status' field of what runs for the trigger (none for nothing), and in how many seconds it changes by itself.

        `led` is what the route leads to.
        """
        now, named = self._clock.now(), dict.fromkeys(shares.split.revisions, shares.count)
        found = pinned(http_trigger_crd.pins(manifest), named, led, now)
        ends = [left for pin in found if (left := seconds_left(pin, now)) is not None]
        listed = http_trigger_crd.pins_manifest(found)
        return ({"pins": listed} if listed else {}), min(ends, default=None)


def missing(trigger: HTTPTrigger, shares: Shares) -> Condition | None:
    """That a revision is named that is not kept any more."""
    absent = [name for name in trigger.spec.named if name not in shares.split.revisions]
    if not absent:
        return None
    there = ", ".join(shares.split.kept) or "none"
    return Condition(
        READY,
        status=False,
        reason="RevisionMissing",
        message=f"function {trigger.spec.function!r} keeps no revision {', '.join(absent)}; there are: {there}. What "
        "answered before stays; name others in spec.backends, or leave it out",
    )


def waiting(shares: Shares, names: list[str]) -> Condition:
    """That revisions start before calls are led to them."""
    counts = ", ".join(f"{name} ({replicas(shares.deployments[name]).summary})" for name in names)
    return Condition(
        READY,
        status=None,
        reason="RevisionStarting",
        message=f"revisions start before they get a share, with replicas ready: {counts}; until then calls go where they "
        "went before",
    )


def degraded(trigger: HTTPTrigger, shares: Shares) -> Condition:
    """Whether a share has nobody who answers it, or the split may not follow its function."""
    down = shares.unready()
    if down:
        lost = sum(item.weight for item in trigger.spec.backends if item.revision in down)
        whole = sum(item.weight for item in trigger.spec.backends)
        return Condition(
            DEGRADED,
            status=True,
            reason="RevisionDown",
            message=f"no replica of {', '.join(down)} takes calls: {lost} of {whole} are answered with 503. "
            f"`funkhaus function describe {trigger.spec.function}` says why; `funkhaus trigger http update {trigger.name} "
            "--no-split` leads all of them to the revision that serves",
        )
    if shares.objections:
        said = "; ".join(finding.sentence for finding in shares.objections)
        return Condition(
            DEGRADED,
            status=True,
            reason="QuotaExceeded",
            message=f"the revisions it names stay at {shares.count} replicas at most: {said}",
        )
    return Condition(DEGRADED, status=False, reason="AsExpected", message="nothing is wrong")


def spoken(trigger: HTTPTrigger) -> str:
    """Where calls go: the function, or its revisions with their shares."""
    if not trigger.spec.backends:
        return trigger.spec.function
    whole = sum(item.weight for item in trigger.spec.backends)
    shares = (f"{item.revision} ({item.weight} of {whole})" for item in trigger.spec.backends)
    return f"{trigger.spec.function}: {', '.join(shares)}"
