"""Quotas as people see and set them: what is left on both levels, who uses it, and who may move what where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from funkhaus.domain.audit import digest_of, instant
from funkhaus.domain.errors import InvalidError, PolicyError
from funkhaus.domain.permission import Permission
from funkhaus.domain.quota import (
    COUNTS,
    LIMITS,
    NO_COUNTS,
    NO_QUOTA,
    Account,
    Counts,
    Quota,
    shown,
)
from funkhaus.domain.quota_request import RequestState
from funkhaus.domain.verdict import Finding
from funkhaus.ports import AuditRow, Override
from funkhaus.services.rounds import SOME, Turns, each
from funkhaus.services.telling import tell

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from funkhaus.domain.charge import Charge
    from funkhaus.domain.quota_request import QuotaRequest
    from funkhaus.domain.tenant import Plan
    from funkhaus.ports import Clock, Stores, TenantWork
    from funkhaus.services.acts import Acts, Asker

LARGEST = 20
CALENDAR = "platform:calendar"
"""Who takes back what has expired, in the audit log."""
REASON_LIMIT = 500
DAYS_LIMIT = 365
APPROVED_LIMIT = 1000
"""Approved requests of a tenant at the same time: more than anybody approves."""
AMOUNT_LIMITS = {
    "functions": 10**6,
    "triggers": 10**6,
    "replicas": 10**6,
    "cpu_millis": 10**9,
    "memory_bytes": 2**53,
    "hosts": 10**6,
    "requests_per_second": 10**7,
    "builds_per_day": 10**6,
    "namespaces": 10**4,
    "tokens": 10**5,
}
"""More than any cluster holds (Kubernetes is built for 150,000 pods and 10,000 namespaces), and what JSON numbers hold
exactly: a slip of the finger is refused here and not left for an approver to notice.
"""


@dataclass(frozen=True, slots=True)
class QuotaState:
    """The tenant's account, its namespaces', the largest charges and the override in force.

    `base` is the tenant's quota without what was `approved` on top of it for a time: what an override starts from. So are
    `base_counts` of the `counts` there may be. Of `tokens` those count that are valid now.
    """

    tenant: Account
    namespaces: Sequence[Account]
    largest: Sequence[Charge]
    override: Override | None
    base: Quota
    approved: Sequence[QuotaRequest]
    plan: Plan
    tokens: int
    counts: Counts
    base_counts: Counts


@dataclass(frozen=True, slots=True)
class Terms:
    """What an override is to say, for how many days and why; a count that is ``None`` stays the plan's."""

    quota: Quota
    reason: str
    days: int
    namespaces: int | None = None
    tokens: int | None = None


Expectation = Callable[[QuotaState], None]


class QuotaService:
    """Use cases on quotas. `wake` is called after a transaction that put something into the outbox.

    A write takes `expected`, which is called with the state it is about to change, locked until the transaction ends,
    and raises `PreconditionError` when that is not what the asker had read.
    """

    def __init__(self, stores: Stores, acts: Acts, clock: Clock, wake: Callable[[], None]) -> None:
        self._stores, self._acts, self._clock, self._wake = stores, acts, clock, wake
        self._turns = Turns()

    async def show(self, asker: Asker, tenant: str) -> QuotaState:
        """What there is, is used, is reserved and is left; raises `NotFoundError`."""
        async with (
            self._acts.reading(asker, Permission.QUOTA_READ, tenant),
            self._stores.begin(tenant) as work,
        ):
            await work.tenant()
            return await self._state(work)

    async def set_namespace(
        self,
        asker: Asker,
        tenant: str,
        name: str,
        quota: Quota,
        expected: Expectation,
    ) -> Account:
        """Move quota between the tenant's own namespaces: what all of them may hold stays within the tenant's.

        It may go below what is held: nothing ends, nothing grows. Raises `PolicyError` with what would fit,
        `InvalidError`, `NotFoundError`.
        """
        async with self._acts.doing(asker, Permission.QUOTA_DIVIDE, tenant, name) as act:
            check(quota)
            act.detail["quota"] = wire(quota)
            async with self._stores.begin(tenant) as work:
                await work.ledger.lock()
                namespace = await work.namespace(name)
                found = await self._state(work)
                expected(found)
                others = [item for item in found.namespaces if item.namespace != name]
                _check_division(found.tenant, others, namespace.quota, quota)
                await work.ledger.set_namespace_quota(name, quota)
                await tell(work, replace(namespace, quota=quota))
                act.changed(wire(namespace.quota), wire(quota))
                await act.done_in(work)
                account = await work.ledger.account(name)
        self._wake()
        return account

    async def set_override(
        self,
        asker: Asker,
        tenant: str,
        terms: Terms,
        expected: Expectation,
    ) -> QuotaState:
        """Give a tenant another quota than its plan's for some days (platform admins).

        Raises `InvalidError`, `NotFoundError`, `ForbiddenError`.
        """
        async with self._acts.doing(asker, Permission.QUOTA_OVERRIDE, None, tenant) as act:
            counts = {name: getattr(terms, name) for name in COUNTS}
            asked = Counts(**{name: count or 0 for name, count in counts.items()})
            check(terms.quota, asked)
            reason = reasoned(terms.reason)
            quota = wire(terms.quota) | counts
            act.detail |= {"tenant": tenant, "quota": quota, "reason": reason, "days": terms.days}
            expires = self._clock.now() + timedelta(days=terms.days)
            async with self._stores.begin(tenant) as work:
                await work.tenant()
                await work.ledger.lock()
                expected(await self._state(work))
                before = await work.ledger.override()
                by = asker.subject.username
                override = Override(terms.quota, reason, by, expires, **counts)
                act.changed(_override(before), _override(override))
                await work.ledger.set_override(override)
                await refresh(work, self._clock)
                await act.done_in(work, tenant)
                return await self._state(work)

    async def clear_override(self, asker: Asker, tenant: str, expected: Expectation) -> QuotaState:
        """Back to what the plan gives; raises `NotFoundError`, `ForbiddenError`."""
        async with self._acts.doing(asker, Permission.QUOTA_OVERRIDE, None, tenant) as act:
            act.detail |= {"tenant": tenant, "cleared": True}
            async with self._stores.begin(tenant) as work:
                await work.tenant()
                await work.ledger.lock()
                expected(await self._state(work))
                act.changed(_override(await work.ledger.override()), None)
                await work.ledger.set_override(None)
                await refresh(work, self._clock)
                await act.done_in(work, tenant)
                return await self._state(work)

    async def _state(self, work: TenantWork) -> QuotaState:
        now = self._clock.now()
        own, *namespaces = await work.ledger.accounts()
        return QuotaState(
            own,
            namespaces,
            await work.ledger.largest(limit=LARGEST),
            await work.ledger.override(),
            await _base(work, now),
            await _approved(work, now),
            await work.plan(),
            await work.tokens.valid(now),
            await counts_of(work, now),
            await _base_counts(work, now),
        )

    async def expire(self) -> int:
        """Take back what has expired, some at a time; how many tenants that concerned. Raises `UnavailableError`."""
        async with self._stores.begin_platform() as platform:
            tenants = await platform.ledger.expired_overrides(
                self._clock.now(), after=self._turns.after, limit=SOME
            )
        self._turns.took(tenants)
        return await each("overrides that expire", tenants, self._expire)

    async def _expire(self, tenant: str) -> bool:
        async with self._stores.begin(tenant) as work:
            await work.ledger.lock()
            override = await work.ledger.override()
            if override and override.expires_at <= self._clock.now():
                await work.ledger.set_override(None)
                row = by_calendar(tenant, "quota:override-expire", tenant)
                await work.audit(replace(row, before=digest_of(_override(override))))
            await refresh(work, self._clock)
        return True


def _override(item: Override | None) -> dict[str, Any] | None:
    """Its state, for the audit log."""
    if item is None:
        return None
    expires = instant(item.expires_at)
    quota = wire(item.quota) | {name: getattr(item, name) for name in COUNTS}
    return {"quota": quota, "reason": item.reason, "by": item.by, "expiresAt": expires}


def by_calendar(tenant: str, action: str, target: str) -> AuditRow:
    """The audit row of what the platform does by itself because its time has come."""
    return AuditRow(tenant, CALENDAR, "", action, target, "done", "", {})


async def refresh(work: TenantWork, clock: Clock) -> None:
    """Have the tenant's quota be what holds now: an override in force, else the plan's, and what was approved on top.

    The books are locked.
    """
    now = clock.now()
    extras = (request.extra for request in await _approved(work, now))
    await work.ledger.set_tenant_quota(sum(extras, await _base(work, now)))


async def _base(work: TenantWork, now: datetime) -> Quota:
    override = await work.ledger.override()
    if override and override.expires_at > now:
        return override.quota
    return (await work.plan()).tenant_quota


async def counts_of(work: TenantWork, now: datetime) -> Counts:
    """How many namespaces and valid tokens the tenant may have now; an override's, else the plan's, and what was approved.

    Whoever lets one more in holds the books' lock: an override, an approval and the end of either are written under it.
    """
    extras = (request.counts for request in await _approved(work, now))
    return sum(extras, await _base_counts(work, now))


async def _base_counts(work: TenantWork, now: datetime) -> Counts:
    override, plan = await work.ledger.override(), await work.plan()
    if override is None or override.expires_at <= now:
        return Counts(plan.namespaces, plan.tokens)
    return Counts(
        plan.namespaces if override.namespaces is None else override.namespaces,
        plan.tokens if override.tokens is None else override.tokens,
    )


def check_room(tenant: str, what: str, hard: int, used: int) -> None:
    """Pass if there is room for one more of `what`, a name of `COUNTS`; raises `PolicyError` with how to ask for it."""
    if used < hard:
        return
    way = {"namespaces": "delete one", "tokens": "revoke one"}[what]
    finding = Finding(
        f"{what}-above-plan",
        f'tenant "{tenant}" may have {hard} {what}, and all are in use: {way}, or ask for more with '
        f"`funkhaus quota request --{what} 1`",
        "name" if what == "namespaces" else "",
        limit=hard,
        value=used + 1,
        passes=hard,
    )
    raise PolicyError(finding.sentence, findings=[finding])


async def _approved(work: TenantWork, now: datetime) -> list[QuotaRequest]:
    found = await work.quota_requests.page(RequestState.APPROVED, limit=APPROVED_LIMIT)
    return [item for item in found if item.expires_at and item.expires_at > now]


async def share(work: TenantWork) -> Quota:
    """What a new namespace starts with: the plan's, as far as the tenant has not given it to others."""
    own, *namespaces = await work.ledger.accounts()
    given = sum((account.hard for account in namespaces), NO_QUOTA)
    return (await work.plan()).namespace_quota.least(own.hard.less(given))


def _check_division(own: Account, others: Sequence[Account], now: Quota, quota: Quota) -> None:
    """Pass if what grows fits; what stays or shrinks does, also where less is left because something has ended."""
    given = sum((account.hard for account in others), NO_QUOTA)
    most = own.hard.less(given).most(now)
    findings = [
        Finding(
            "quota-above-tenant",
            f"{own.level} has {shown(name, getattr(own.hard, name))}, its other namespaces have "
            f"{shown(name, getattr(given, name))} of it: {shown(name, getattr(most, name))} passes",
            WIRE[name],
            limit=shown(name, getattr(own.hard, name)),
            value=shown(name, getattr(quota, name)),
            passes=shown(name, getattr(most, name)),
        )
        for name in LIMITS
        if getattr(quota, name) > getattr(most, name)
    ]
    if findings:
        raise PolicyError("; ".join(item.sentence for item in findings), findings=findings)


WIRE = {
    "functions": "functions",
    "triggers": "triggers",
    "replicas": "replicas",
    "cpu_millis": "cpu",
    "memory_bytes": "memory",
    "hosts": "hosts",
    "requests_per_second": "requestsPerSecond",
    "builds_per_day": "buildsPerDay",
}
"""The names people write limits by, here and in requests and answers."""


def wire(quota: Quota) -> dict[str, int | str]:
    """A quota as people write it."""
    return {WIRE[name]: shown(name, getattr(quota, name)) for name in LIMITS}


def no_namespace_s(counts: Counts, path: str = "") -> list[Finding]:
    """What is said to who names a count for one namespace."""
    return [
        Finding(
            "count-of-tenant",
            f"{name} are counted over the whole tenant, so a namespace has no number of them: leave it out, or ask for the "
            f"tenant with `funkhaus quota request --{name} N`",
            path + name,
            value=getattr(counts, name),
        )
        for name in COUNTS
        if getattr(counts, name)
    ]


def wire_whole(quota: Quota, counts: Counts) -> dict[str, int | str]:
    """A tenant's, with what is counted."""
    return wire(quota) | {name: getattr(counts, name) for name in COUNTS}


def check(quota: Quota, counts: Counts = NO_COUNTS) -> None:
    """Pass if every limit is a number we can count with; raises `InvalidError`."""
    amounts = [(name, WIRE[name], getattr(quota, name)) for name in LIMITS]
    amounts += [(name, name, getattr(counts, name)) for name in COUNTS]
    findings = [
        Finding(
            "quota-amount",
            f"a number from 0 to {shown(name, AMOUNT_LIMITS[name])} passes",
            path,
            limit=shown(name, AMOUNT_LIMITS[name]),
            value=value,
            passes=shown(name, AMOUNT_LIMITS[name]),
        )
        for name, path, value in amounts
        if not 0 <= value <= AMOUNT_LIMITS[name]
    ]
    if findings:
        raise InvalidError.at(*findings)


def reasoned(text: str) -> str:
    """A reason on one line; raises `InvalidError` for none."""
    text = " ".join(text.split())
    if not text:
        raise InvalidError.at(
            Finding("reason-missing", "say why, for whoever reads it later", "reason")
        )
    return text[:REASON_LIMIT]
