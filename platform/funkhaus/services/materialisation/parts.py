"""What the materialisers share: where they stand, who judges, and what they say when they are done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from funkhaus.crd.conditions import ADMITTED, Condition, is_true
from funkhaus.domain.build import BuildRules
from funkhaus.domain.function import DEFAULT_TIMEOUT
from funkhaus.manifests.labels import Site
from funkhaus.manifests.network import WAKER_PORT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from funkhaus.domain.gateway import Gateway
    from funkhaus.domain.tenant import TenantFacts
    from funkhaus.domain.verdict import Finding, Verdict
    from funkhaus.ports import Manifest, Stores


class Judge(Protocol):
    """The same judgement admission gives, asked again before anything is materialised."""

    async def judge_function(self, manifest: Manifest, facts: TenantFacts) -> Verdict:
        """The verdict on a stored Function; raises `InvalidError`, `UnavailableError`."""

    async def judge_http_trigger(self, manifest: Manifest, facts: TenantFacts) -> Verdict:
        """The verdict on a stored HTTPTrigger; raises `InvalidError`, `UnavailableError`."""

    async def judge_cron_job_trigger(self, manifest: Manifest, facts: TenantFacts) -> Verdict:
        """The verdict on a stored CronJobTrigger; raises `InvalidError`, `UnavailableError`."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What of the settings ends up in objects. `dns_cidrs` are DNS servers that are no pods;
    `caller_runtime` is the runtime whose image makes the calls of cron triggers, `gateway` what carries HTTPRoutes, if any;
    `waker_cidrs` is where the waker is, where it is no pod.
    """

    domain: str
    ingress_class: str
    ingress_port: int
    ingress_namespace: str
    system_namespace: str
    dns_cidrs: tuple[str, ...] = ()
    caller_runtime: str = "python3.11"
    gateway: Gateway | None = None
    builds: BuildRules = field(default_factory=BuildRules)
    waker_cidrs: tuple[str, ...] = ()
    waker_port: int = WAKER_PORT


@dataclass(frozen=True, slots=True)
class Next:
    """How a reconciliation ended: `outcome` for the metrics, and in how many seconds it wants to look again, if at all
    before something happens.
    """

    outcome: str
    after: float | None = None


GONE = Next("gone")


async def facts_of(stores: Stores, namespace: str) -> TenantFacts | None:
    """Whose Kubernetes namespace it is; Postgres knows."""
    return await stores.lookups.facts(namespace)


def timeout_of(function: Manifest | None) -> int:
    """A function's time-out in seconds; the default where it is not there, or says none."""
    found = ((function or {}).get("spec") or {}).get("timeout")
    return found if isinstance(found, int) else DEFAULT_TIMEOUT


def site(namespace: str, facts: TenantFacts) -> Site:
    """Where the objects of a tenant's namespace lie."""
    return Site(namespace, facts.tenant, facts.namespace)


class Judged:
    """The verdict on one object, asked for at most once in a reconciliation."""

    def __init__(
        self, judge: Callable[[Manifest, TenantFacts], Awaitable[Verdict]], manifest: Manifest
    ) -> None:
        self._judge, self._manifest = judge, manifest
        self._verdict: Verdict | None = None

    async def __call__(self, facts: TenantFacts) -> Verdict:
        """Raises what the judge raises."""
        if self._verdict is None:
            self._verdict = await self._judge(self._manifest, facts)
        return self._verdict


async def admission(manifest: Manifest, facts: TenantFacts | None, judged: Judged) -> Condition:
    """The Admitted condition. Asks only once per generation: what changed since is admission's to hear of first.

    Raises `UnavailableError` when there is no verdict to be had, `InvalidError` for a wrong shape.
    """
    if facts is None:
        return Condition(
            ADMITTED,
            status=False,
            reason="NamespaceForeign",
            message="this namespace belongs to no tenant, so nothing is run in it; `funkhaus namespace create` makes one",
        )
    if is_true(manifest, ADMITTED):
        return Condition(
            ADMITTED, status=True, reason="Admitted", message="the house rules let this in"
        )
    verdict = await judged(facts)
    if verdict.denied:
        said = "; ".join(finding.sentence for finding in verdict.findings)
        return Condition(ADMITTED, status=False, reason="PolicyDenied", message=said)
    return Condition(
        ADMITTED, status=True, reason="Admitted", message="the house rules let this in"
    )


def charged(admitted: Condition, objections: tuple[Finding, ...]) -> Condition:
    """The Admitted condition once the ledger has spoken: what got past admission is held where no room is left."""
    if not objections or not admitted.status:
        return admitted
    said = "; ".join(finding.sentence for finding in objections)
    return Condition(ADMITTED, status=False, reason="QuotaExceeded", message=said)
