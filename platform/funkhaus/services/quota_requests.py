"""Asking for more quota, deciding on it, and giving it back: by its owner, or by the calendar."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from funkhaus.domain.audit import digest_of
from funkhaus.domain.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    PolicyError,
)
from funkhaus.domain.keyset import Moment
from funkhaus.domain.permission import Permission
from funkhaus.domain.quota import NO_COUNTS, NO_QUOTA, Counts, Quota
from funkhaus.domain.quota_request import PENDING_LIMIT, QuotaRequest, RequestState
from funkhaus.domain.subject import Role
from funkhaus.domain.verdict import Finding
from funkhaus.services import states
from funkhaus.services.pages import cut
from funkhaus.services.quotas import (
    by_calendar,
    check,
    no_namespace_s,
    reasoned,
    refresh,
    wire_whole,
)
from funkhaus.services.rounds import SOME, Turns, each
from funkhaus.services.telling import tell

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from funkhaus.domain.subject import Subject
    from funkhaus.ports import Clock, Stores, TenantWork
    from funkhaus.services.acts import Acts, Asker


class QuotaRequestService:
    """Use cases on requests. `wake` is called after a transaction that put something into the outbox."""

    def __init__(self, stores: Stores, acts: Acts, clock: Clock, wake: Callable[[], None]) -> None:
        self._stores, self._acts, self._clock, self._wake = stores, acts, clock, wake
        self._turns = Turns()

    async def ask(
        self,
        asker: Asker,
        tenant: str,
        namespace: str,
        extra: Quota,
        reason: str,
        days: int,
        counts: Counts = NO_COUNTS,
    ) -> QuotaRequest:
        """A new request; raises `InvalidError`, `NotFoundError`, `PolicyError` (too many wait)."""
        async with self._acts.doing(asker, Permission.QUOTA_REQUEST, tenant, namespace) as act:
            check(extra, counts)
            if namespace and counts != NO_COUNTS:
                raise InvalidError.at(*no_namespace_s(counts, "extra."))
            if (extra, counts) == (NO_QUOTA, NO_COUNTS):
                raise InvalidError.at(
                    Finding("request-empty", "ask for more of something", "extra")
                )
            request = QuotaRequest(
                str(uuid4()), tenant, namespace, extra, reasoned(reason), days,
                asker.subject.username, self._clock.now(), counts=counts,
            )  # fmt: skip
            act.detail |= {"request": request.id, "extra": wire_whole(extra, counts), "days": days}
            async with self._stores.begin(tenant) as work:
                await work.lock()
                if namespace:
                    await work.namespace(namespace)
                issuers = await work.approvals.issuers(request.requested_by)
                request = replace(request, behind=tuple(sorted(issuers)))
                waiting = await work.quota_requests.page(RequestState.PENDING, limit=PENDING_LIMIT)
                if len(waiting) >= PENDING_LIMIT:
                    raise _too_many()
                await work.quota_requests.put(request)
                act.changed(None, states.quota_request(request))
                await act.done_in(work)
        return request

    async def page(
        self, asker: Asker, tenant: str, *, after: str, limit: int
    ) -> tuple[Sequence[QuotaRequest], str]:
        """The tenant's, newest first, and where the next page begins ("" when there is none)."""
        place = Moment.parse(after)
        async with (
            self._acts.reading(asker, Permission.QUOTA_READ, tenant),
            self._stores.begin(tenant) as work,
        ):
            await work.tenant()
            found = await work.quota_requests.page(after=place, limit=limit + 1)
        return cut(found, limit, _place)

    async def pending(
        self, asker: Asker, *, after: str, limit: int
    ) -> tuple[Sequence[QuotaRequest], str]:
        """What waits for a decision in all tenants, oldest first (platform admins and approvers)."""
        place = Moment.parse(after)
        async with (
            self._acts.reading(asker, Permission.QUOTA_DECIDE),
            self._stores.begin_platform() as platform,
        ):
            found = await platform.quota_requests.pending(after=place, limit=limit + 1)
        return cut(found, limit, _place)

    async def decide(
        self, asker: Asker, tenant: str, request_id: str, *, approve: bool, note: str
    ) -> QuotaRequest:
        """Approve or reject; never one's own, nor that of a token one issued.

        Raises `ForbiddenError`, `ConflictError` (decided already).
        """
        action = f"quota:{'approve' if approve else 'reject'}"
        async with (
            self._acts.doing(
                asker, Permission.QUOTA_DECIDE, None, f"{tenant}/{request_id}", action=action
            ) as act,
            self._stores.begin(tenant) as work,
        ):
            await work.ledger.lock()
            request = await work.quota_requests.find(request_id)
            act.detail |= {
                "tenant": tenant,
                "extra": wire_whole(request.extra, request.counts),
                "note": note,
            }
            by, behind = request.requested_by, await work.approvals.issuers(request.requested_by)
            if asker.subject.speaks_for(by, *request.behind, *behind):
                raise ForbiddenError(
                    "nobody decides on their own request, nor on that of a token they issued: "
                    "ask another approver"
                )
            _must_be(request, RequestState.PENDING)
            now = self._clock.now()
            decided = replace(
                request,
                state=RequestState.APPROVED if approve else RequestState.REJECTED,
                decided_by=asker.subject.username,
                decided_at=now,
                note=note,
                expires_at=now + timedelta(days=request.days) if approve else None,
            )
            await work.quota_requests.put(decided)
            act.changed(states.quota_request(request), states.quota_request(decided))
            if approve:
                await self._share(work, decided, lambda quota: quota + request.extra)
                await refresh(work, self._clock)
            await act.done_in(work, tenant)
        self._wake()
        return decided

    async def give_back(self, asker: Asker, tenant: str, request_id: str) -> QuotaRequest:
        """Withdraw a request that waits, or give back what was approved: who asked, or an owner.

        Raises `ConflictError` when it is over, `ForbiddenError`, `NotFoundError`.
        """
        async with (
            self._acts.doing(
                asker, Permission.QUOTA_REQUEST, tenant, request_id, action="quota:return"
            ) as act,
            self._stores.begin(tenant) as work,
        ):
            await work.ledger.lock()
            request = await work.quota_requests.find(request_id)
            _must_be_theirs(request, asker.subject)
            _must_be(request, RequestState.PENDING, RequestState.APPROVED)
            waits = request.state is RequestState.PENDING
            state = RequestState.WITHDRAWN if waits else RequestState.RETURNED
            ended = await self._end(work, request, state)
            act.changed(states.quota_request(request), states.quota_request(ended))
            await act.done_in(work)
        self._wake()
        return ended

    async def expire(self) -> int:
        """Take back what was approved for a time that is over, some at a time; how many. Raises `UnavailableError`."""
        async with self._stores.begin_platform() as platform:
            over = await platform.quota_requests.expired(
                self._clock.now(), after=self._turns.after, limit=SOME
            )
        self._turns.took([item.id for item in over])
        done = await each("approved quota that expires", over, self._expire)
        if done:
            self._wake()
        return done

    async def _expire(self, item: QuotaRequest) -> bool:
        async with self._stores.begin(item.tenant) as work:
            await work.ledger.lock()
            request = await work.quota_requests.find(item.id)
            if request.state is not RequestState.APPROVED:  # somebody gave it back meanwhile
                return False
            ended = await self._end(work, request, RequestState.EXPIRED)
            row = by_calendar(item.tenant, "quota:expire", item.id)
            before, after = (digest_of(states.quota_request(one)) for one in (request, ended))
            await work.audit(replace(row, before=before, after=after))
        return True

    async def _end(
        self, work: TenantWork, request: QuotaRequest, state: RequestState
    ) -> QuotaRequest:
        ended = replace(request, state=state)
        await work.quota_requests.put(ended)
        if request.state is RequestState.APPROVED:
            await self._share(work, request, lambda quota: quota.less(request.extra))
            await refresh(work, self._clock)
        return ended

    async def _share(
        self, work: TenantWork, request: QuotaRequest, change: Callable[[Quota], Quota]
    ) -> None:
        """The named namespace's part of it; one that was deleted meanwhile has none."""
        if not request.namespace:
            return
        try:
            namespace = await work.namespace(request.namespace)
        except NotFoundError:
            return
        quota = change(namespace.quota)
        await work.ledger.set_namespace_quota(namespace.name, quota)
        await tell(work, replace(namespace, quota=quota))


def _place(item: QuotaRequest) -> Moment:
    return Moment.of(item.requested_at, item.id)


def _must_be(request: QuotaRequest, *states: RequestState) -> None:
    if request.state not in states:
        raise ConflictError(f"the request is {request.state.value} already")


def _must_be_theirs(request: QuotaRequest, subject: Subject) -> None:
    owns = subject.is_admin or subject.roles.get(request.tenant) is Role.OWNER
    if not owns and request.requested_by != subject.username:
        raise ForbiddenError(
            "only who asked for it, or an owner, withdraws a request or gives back what it gave"
        )


def _too_many() -> PolicyError:
    finding = Finding(
        "requests-waiting",
        f"{PENDING_LIMIT} requests of this tenant wait already: withdraw one, or wait for a decision",
        limit=PENDING_LIMIT,
        value=PENDING_LIMIT + 1,
        passes=PENDING_LIMIT,
    )
    return PolicyError(finding.message, findings=[finding])
