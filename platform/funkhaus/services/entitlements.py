"""What a platform admin lets a tenant have for good: its plan, and the suffixes its hosts may lie below.

Neither ends anything that runs. A smaller plan refuses growth; a suffix stays while a host below it is in use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.domain import names
from funkhaus.domain.errors import ConflictError, InvalidError, NotFoundError
from funkhaus.domain.permission import Permission
from funkhaus.domain.quota import NO_QUOTA
from funkhaus.domain.verdict import Finding
from funkhaus.services import states
from funkhaus.services.quotas import reasoned, refresh
from funkhaus.services.telling import tell
from funkhaus.services.tenants import known_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from funkhaus.domain.tenant import Plan, Tenant
    from funkhaus.ports import Clock, HostUse, Stores, TenantWork
    from funkhaus.services.acts import Acts, Asker

SUFFIXES_LIMIT = 50
"""Granted to one tenant: they travel with every question to the rules."""
USES_SHOWN = 5


class EntitlementService:
    """Use cases on what tenants may have. `wake` is called after a transaction that put something into the outbox.

    `domain` is the platform's own, below which every tenant has a suffix without a grant.
    """

    def __init__(
        self, stores: Stores, acts: Acts, clock: Clock, wake: Callable[[], None], domain: str
    ) -> None:
        self._stores, self._acts, self._clock, self._wake = stores, acts, clock, wake
        self._domain = domain

    async def change_plan(
        self, asker: Asker, tenant: str, plan: str, reason: str, expected: Callable[[Tenant], None]
    ) -> Tenant:
        """Have another plan, for a reason (platform admins); what an override or an approval gives stays on top.

        A namespace that has just what the old plan gave it gets what the new one gives, as far as the tenant has that.
        `expected` is called with the tenant, locked, and raises `PreconditionError`. Raises `InvalidError` (plan, reason),
        `NotFoundError`, `ForbiddenError`.
        """
        async with self._acts.doing(
            asker, Permission.TENANT_ENTITLE, tenant, tenant, action="tenant:plan"
        ) as act:
            reason = reasoned(reason)
            act.detail |= {"plan": plan, "reason": reason}
            async with self._stores.begin_platform() as platform:
                await known_plan(platform, plan)
            async with self._stores.begin(tenant) as work:
                before = await _locked(work)
                expected(before)
                old = await work.plan()
                await work.set_plan(plan)
                await refresh(work, self._clock)
                await _divide_anew(work, old, await work.plan())
                after = await work.tenant()
                act.changed(states.tenant(before), states.tenant(after))
                await act.done_in(work)
        self._wake()
        return after

    async def suffixes(self, asker: Asker, tenant: str) -> tuple[str, Sequence[str]]:
        """The suffix a tenant has without a grant, and those granted; raises `NotFoundError`."""
        async with (
            self._acts.reading(asker, Permission.TENANT_READ, tenant),
            self._stores.begin(tenant) as work,
        ):
            await work.tenant()
            return self._default(tenant), await work.hosts.suffixes()

    async def grant_suffix(
        self, asker: Asker, tenant: str, suffix: str
    ) -> tuple[str, Sequence[str]]:
        """Let a tenant have hosts below a suffix (platform admins); what it has stays. All it has, as `suffixes`.

        Two grants that overlap and come in the same moment may both pass: a host is still one tenant's. Raises
        `InvalidError` (the suffix, or one too many), `ConflictError` (it overlaps another), `NotFoundError`,
        `ForbiddenError`.
        """
        async with self._acts.doing(
            asker, Permission.TENANT_ENTITLE, tenant, suffix, action="host-suffix:grant"
        ) as act:
            self._check_domain(names.suffix_of_hosts(suffix))
            async with self._stores.begin_platform() as platform:
                found = await platform.hosts.overlapping(suffix)
            _check_overlap(suffix, tenant, found)
            async with self._stores.begin(tenant) as work:
                await _locked(work)
                before = await work.hosts.suffixes()
                if suffix not in before:
                    _check_count(tenant, len(before))
                    await work.hosts.grant(suffix)
                after = await _told(work)
                act.changed({"hostSuffixes": [*before]}, {"hostSuffixes": [*after]})
                await act.done_in(work)
        self._wake()
        return self._default(tenant), after

    async def withdraw_suffix(
        self, asker: Asker, tenant: str, suffix: str
    ) -> tuple[str, Sequence[str]]:
        """Take a suffix back (platform admins), once no trigger answers for a host below it. All it still has.

        Raises `ConflictError` with who does, `NotFoundError` (also for a suffix that was not granted), `ForbiddenError`.
        """
        async with (
            self._acts.doing(
                asker, Permission.TENANT_ENTITLE, tenant, suffix, action="host-suffix:withdraw"
            ) as act,
            self._stores.begin(tenant) as work,
        ):
            await _locked(work)
            before = await work.hosts.suffixes()
            if suffix not in before:
                granted = ", ".join(before) or "none"
                message = f"{suffix!r} is not granted to tenant {tenant!r}; granted: {granted}"
                raise NotFoundError(message)
            _check_uses(suffix, await work.hosts.below(suffix, limit=USES_SHOWN + 1))
            await work.hosts.withdraw(suffix)
            after = await _told(work)
            act.changed({"hostSuffixes": [*before]}, {"hostSuffixes": [*after]})
            await act.done_in(work)
        self._wake()
        return self._default(tenant), after

    def _default(self, tenant: str) -> str:
        return names.host_suffix(tenant, self._domain)

    def _check_domain(self, suffix: str) -> None:
        domain = self._domain
        if not (names.within(suffix, domain) or names.within(domain, suffix)):
            return
        message = (
            f"host suffix {suffix!r} overlaps the platform's own domain {domain}, below which every tenant has "
            f"<tenant>.{domain}: another domain passes"
        )
        raise InvalidError.at(
            Finding("host-suffix-of-platform", message, "suffix", limit=domain, value=suffix)
        )


async def _locked(work: TenantWork) -> Tenant:
    await work.lock()
    await work.ledger.lock()
    return await work.tenant()


async def _told(work: TenantWork) -> Sequence[str]:
    """Have the cluster follow; the suffixes granted now."""
    for namespace in await work.namespaces():
        await tell(work, namespace)
    return await work.hosts.suffixes()


async def _divide_anew(work: TenantWork, old: Plan, new: Plan) -> None:
    """Shares nobody has touched become the new plan's, or less and alike where that is more than the tenant has.

    The cluster is told of all.
    """
    own, *accounts = await work.ledger.accounts()
    untouched = {account.namespace for account in accounts if account.hard == old.namespace_quota}
    given = sum((item.hard for item in accounts if item.namespace not in untouched), NO_QUOTA)
    if untouched:
        share = new.namespace_quota.least(own.hard.less(given).shared_by(len(untouched)))
        for name in sorted(untouched):
            await work.ledger.set_namespace_quota(name, share)
    await _told(work)


def _check_overlap(suffix: str, tenant: str, found: Mapping[str, str]) -> None:
    """`found` are suffixes that overlap, with whose each is; the very one of the very tenant is no contradiction."""
    others = {one: whose for one, whose in found.items() if (one, whose) != (suffix, tenant)}
    if not others:
        return
    one, whose = min(others.items())
    message = (
        f"host suffix {suffix!r} overlaps {one!r}, which tenant {whose!r} has: take that back first "
        f"(`funkhaus host-suffix withdraw {one} --tenant {whose}`), or grant one beside it"
    )
    raise ConflictError(
        message, findings=[Finding("host-suffix-taken", message, "suffix", limit=one, value=suffix)]
    )


def _check_count(tenant: str, held: int) -> None:
    if held < SUFFIXES_LIMIT:
        return
    message = (
        f"tenant {tenant!r} has {held} host suffixes and {SUFFIXES_LIMIT} may be: take one back, or "
        "grant one above several"
    )
    raise InvalidError.at(
        Finding(
            "host-suffixes-above-limit",
            message,
            "suffix",
            limit=SUFFIXES_LIMIT,
            value=held + 1,
            passes=SUFFIXES_LIMIT,
        )
    )


def _check_uses(suffix: str, uses: Sequence[HostUse]) -> None:
    if not uses:
        return
    shown = ", ".join(f"{use.host} ({use.namespace}/{use.trigger})" for use in uses[:USES_SHOWN])
    more = " and more" if len(uses) > USES_SHOWN else ""
    message = (
        f"host suffix {suffix!r} is in use by {shown}{more}: it can be taken back once these triggers are deleted or "
        "have another host"
    )
    raise ConflictError(
        message, findings=[Finding("host-suffix-in-use", message, "suffix", value=suffix)]
    )
