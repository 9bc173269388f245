"""A tenant rests and works again, goes and is taken back. What rests keeps its data; its functions have no replicas."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from funkhaus.domain.errors import ConflictError, ForbiddenError, InvalidError
from funkhaus.domain.permission import Permission
from funkhaus.domain.tenant import Deletion, Suspension
from funkhaus.domain.verdict import Finding
from funkhaus.services import states
from funkhaus.services.quotas import reasoned
from funkhaus.services.telling import tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from funkhaus.domain.tenant import Tenant
    from funkhaus.ports import Clock, Stores, TenantWork
    from funkhaus.services.acts import Acts, Asker

GRACE_DAYS = 30


class LifecycleService:
    """Use cases on a tenant's standing. `wake` is called after a transaction that put something into the outbox.

    Between being deleted and being gone lie `grace_days`.
    """

    def __init__(
        self,
        stores: Stores,
        acts: Acts,
        clock: Clock,
        wake: Callable[[], None],
        grace_days: int = GRACE_DAYS,
    ) -> None:
        self._stores, self._acts, self._clock, self._wake = stores, acts, clock, wake
        self._grace_days = grace_days

    async def suspend(self, asker: Asker, tenant: str, reason: str) -> Tenant:
        """Have its functions rest and refuse its people's changes, for a reason they read (platform admins).

        Again it changes the reason. Raises `InvalidError` (no reason), `NotFoundError`, `ForbiddenError`.
        """
        async with self._acts.doing(
            asker, Permission.TENANT_SUSPEND, tenant, tenant, takes_away=True
        ) as act:
            reason = reasoned(reason)
            act.detail["reason"] = reason
            async with self._stores.begin(tenant) as work:
                before = await _locked(work)
                since = before.suspension.at if before.suspension else self._clock.now()
                await work.lifecycle.suspend(Suspension(since, reason, asker.subject.name))
                after = await _told(work)
                act.changed(states.tenant(before), states.tenant(after))
                await act.done_in(work)
        self._wake()
        return after

    async def resume(self, asker: Asker, tenant: str) -> Tenant:
        """Have it work again (platform admins); one that is not suspended stays as it is. Raises `NotFoundError`."""
        async with (
            self._acts.doing(
                asker,
                Permission.TENANT_SUSPEND,
                tenant,
                tenant,
                action="tenant:resume",
                takes_away=True,
            ) as act,
            self._stores.begin(tenant) as work,
        ):
            before = await _locked(work)
            await work.lifecycle.suspend(None)
            after = await _told(work)
            act.changed(states.tenant(before), states.tenant(after))
            await act.done_in(work)
        self._wake()
        return after

    async def delete(
        self, asker: Asker, tenant: str, *, days: int | None = None, reason: str = ""
    ) -> Tenant:
        """Have it rest at once and go after the grace; admins may shorten that to `days`, with a reason.

        Again changes nothing, unless an admin says `days`. Raises `ForbiddenError`, `InvalidError`, `NotFoundError`,
        `ConflictError` (it is going already).
        """
        async with self._acts.doing(
            asker, Permission.TENANT_DELETE, tenant, tenant, takes_away=True
        ) as act:
            reason = self._shortened(asker, days, reason)
            act.detail |= {"days": self._grace_days if days is None else days, "reason": reason}
            async with self._stores.begin(tenant) as work:
                before = await _locked(work)
                if before.deletion and before.deletion.after <= self._clock.now():
                    raise ConflictError(f"tenant {tenant!r} is going already")
                if before.deletion is None or days is not None:
                    await work.lifecycle.doom(self._deletion(asker, tenant, days, reason))
                after = await _told(work)
                act.changed(states.tenant(before), states.tenant(after))
                await act.done_in(work)
        self._wake()
        return after

    def _deletion(self, asker: Asker, tenant: str, days: int | None, reason: str) -> Deletion:
        now, subject = self._clock.now(), asker.subject
        grace = timedelta(days=self._grace_days if days is None else days)
        return Deletion(now, subject.name, now + grace, reason, tenant not in subject.roles)

    def _shortened(self, asker: Asker, days: int | None, reason: str) -> str:
        if days is None:
            return " ".join(reason.split())[:500]
        if not asker.subject.is_admin:
            raise ForbiddenError(
                f"only a platform admin shortens the {self._grace_days} days until a tenant is gone"
            )
        if not 0 <= days <= self._grace_days:
            limit = self._grace_days
            message = f"0 to {limit} days pass"
            raise InvalidError.at(
                Finding("grace-days", message, "graceDays", limit=limit, value=days, passes=limit)
            )
        return reasoned(reason)

    async def undelete(self, asker: Asker, tenant: str) -> Tenant:
        """Take a deletion back inside its grace; a suspension stays. What an admin deleted an admin takes back.

        Raises `ConflictError` (not being deleted, or too late), `ForbiddenError`, `NotFoundError`.
        """
        async with (
            self._acts.doing(
                asker,
                Permission.TENANT_DELETE,
                tenant,
                tenant,
                action="tenant:undelete",
                takes_away=True,
            ) as act,
            self._stores.begin(tenant) as work,
        ):
            before = await _locked(work)
            deletion = before.deletion
            if deletion is None:
                raise ConflictError(f"tenant {tenant!r} is not being deleted")
            if deletion.by_platform and not asker.subject.is_admin:
                raise ForbiddenError(
                    f"{deletion.asked_by} asked for this as a platform admin: only an admin takes it back"
                )
            if deletion.after <= self._clock.now():
                raise ConflictError(
                    f"tenant {tenant!r} could be taken back until {deletion.after:%Y-%m-%d %H:%M} UTC: it is going now"
                )
            await work.lifecycle.doom(None)
            after = await _told(work)
            act.changed(states.tenant(before), states.tenant(after))
            await act.done_in(work)
        self._wake()
        return after


async def _locked(work: TenantWork) -> Tenant:
    """The tenant, which nobody else changes until the transaction ends; nor its books, which write to the outbox too."""
    await work.lock()
    await work.ledger.lock()
    return await work.tenant()


async def _told(work: TenantWork) -> Tenant:
    """The tenant as it is now, and the order that the cluster hears of it."""
    tenant = await work.tenant()
    for namespace in await work.namespaces():
        await tell(work, replace(namespace, suspended=tenant.suspended))
    return tenant
