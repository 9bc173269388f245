"""Asking for a tenant that self-service does not give, and deciding on it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

from funkhaus.domain import names
from funkhaus.domain.errors import ConflictError, ForbiddenError, NotFoundError, PolicyError
from funkhaus.domain.keyset import Moment
from funkhaus.domain.permission import Permission
from funkhaus.domain.tenant import Tenant
from funkhaus.domain.tenant_request import PENDING_LIMIT, TenantRequest, TenantRequestState
from funkhaus.domain.verdict import Finding
from funkhaus.services import states
from funkhaus.services.pages import cut
from funkhaus.services.quotas import reasoned
from funkhaus.services.tenants import DISPLAY_NAME_LIMIT, known_plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.ports import Clock, PlatformWork, Stores
    from funkhaus.services.acts import Acts, Asker


class TenantRequestService:
    """Use cases on requests for tenants."""

    def __init__(self, stores: Stores, acts: Acts, clock: Clock) -> None:
        self._stores, self._acts, self._clock = stores, acts, clock

    async def ask(
        self, asker: Asker, tenant_id: str, plan: str, display_name: str, reason: str
    ) -> TenantRequest:
        """A new request of a person who signed in.

        Raises `ForbiddenError` (a token can't), `InvalidError` (id, plan, reason), `PolicyError` (too many wait).
        """
        async with self._acts.doing(asker, None, None, tenant_id, action="tenant:request") as act:
            subject = asker.subject
            if not subject.is_user:
                raise ForbiddenError(
                    "only a person who signed in asks for a tenant: `funkhaus login`"
                )
            request = TenantRequest(
                id=str(uuid4()),
                tenant=names.tenant_id(tenant_id),
                plan=plan,
                display_name=display_name[:DISPLAY_NAME_LIMIT],
                reason=reasoned(reason),
                user_id=subject.id,
                user_name=subject.name,
                user_email=subject.email,
                requested_at=self._clock.now(),
            )
            act.detail |= {"request": request.id, "plan": plan}
            async with self._stores.begin_platform() as work:
                await known_plan(work, plan)
                await work.users.lock(subject.id)
                waiting = len(await work.tenant_requests.pending(subject.id))
                if waiting >= PENDING_LIMIT:
                    raise _too_many(waiting)
                await work.tenant_requests.add(request)
                act.changed(None, states.tenant_request(request))
                await work.audit(act.row("done"))
                act.recorded = True
        return request

    async def mine(
        self, asker: Asker, *, after: str, limit: int
    ) -> tuple[Sequence[TenantRequest], str]:
        """The asker's own, newest first, and where the next page begins ("" when there is none)."""
        place = Moment.parse(after)
        if not asker.subject.is_user:
            return [], ""
        async with self._stores.begin_platform() as work:
            found = await work.tenant_requests.of_user(
                asker.subject.id, after=place, limit=limit + 1
            )
        return cut(found, limit, _place)

    async def pending(
        self, asker: Asker, *, after: str, limit: int
    ) -> tuple[Sequence[TenantRequest], str]:
        """What waits for a decision, oldest first (platform admins and approvers), and where the next page begins."""
        place = Moment.parse(after)
        async with (
            self._acts.reading(asker, Permission.TENANT_DECIDE),
            self._stores.begin_platform() as work,
        ):
            found = await work.tenant_requests.pending(after=place, limit=limit + 1)
        return cut(found, limit, _place)

    async def decide(
        self, asker: Asker, request_id: str, *, approve: bool, note: str
    ) -> TenantRequest:
        """Approve, which makes the tenant with who asked as its owner, or reject; never one's own.

        Raises `ForbiddenError`, `NotFoundError`, `ConflictError` (decided already; the id was taken: it waits on).
        """
        action = f"tenant:{'approve' if approve else 'reject'}"
        async with (
            self._acts.doing(
                asker, Permission.TENANT_DECIDE, None, request_id, action=action
            ) as act,
            self._stores.begin_platform() as work,
        ):
            request = await work.tenant_requests.locked(request_id)
            act.detail |= {"tenant": request.tenant, "plan": request.plan, "note": note}
            if asker.subject.speaks_for(request.requested_by):
                raise ForbiddenError("nobody decides on their own request: ask another approver")
            state = TenantRequestState.APPROVED if approve else TenantRequestState.REJECTED
            decided = await self._end(work, request, state, asker, note)
            act.changed(states.tenant_request(request), states.tenant_request(decided))
            if approve:
                await work.add_tenant(Tenant(request.tenant, request.plan, request.display_name))
                await work.users.found(request.user_id, request.tenant, self._clock.now())
            await work.audit(act.row("done"))
            act.recorded = True
        return decided

    async def withdraw(self, asker: Asker, request_id: str) -> TenantRequest:
        """Take back one's own that waits. Raises `NotFoundError` for another's, `ConflictError` when it is decided."""
        async with (
            self._acts.doing(asker, None, None, request_id, action="tenant:withdraw") as act,
            self._stores.begin_platform() as work,
        ):
            request = await work.tenant_requests.locked(request_id)
            if request.user_id != asker.subject.id:
                raise NotFoundError(f"there is no tenant request {request_id!r:.80}")
            act.detail |= {"tenant": request.tenant}
            ended = await self._end(work, request, TenantRequestState.WITHDRAWN, asker, "")
            act.changed(states.tenant_request(request), states.tenant_request(ended))
            await work.audit(act.row("done"))
            act.recorded = True
        return ended

    async def _end(
        self,
        work: PlatformWork,
        request: TenantRequest,
        state: TenantRequestState,
        asker: Asker,
        note: str,
    ) -> TenantRequest:
        if request.state is not TenantRequestState.PENDING:
            raise ConflictError(f"this request is {request.state.value} already")
        ended = replace(
            request,
            state=state,
            decided_by=asker.subject.username,
            decided_at=self._clock.now(),
            note=note,
        )
        await work.tenant_requests.decided(ended)
        return ended


def _place(item: TenantRequest) -> Moment:
    return Moment.of(item.requested_at, item.id)


def _too_many(waiting: int) -> PolicyError:
    message = (
        f"{waiting} of your requests for tenants wait and {PENDING_LIMIT} may: withdraw one, "
        "or wait for a decision"
    )
    finding = Finding(
        "tenant-requests-full",
        message,
        limit=PENDING_LIMIT,
        value=waiting + 1,
        passes=PENDING_LIMIT,
    )
    return PolicyError(message, findings=[finding])
