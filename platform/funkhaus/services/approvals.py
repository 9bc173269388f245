"""Approvals as people see and decide them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from funkhaus.domain.approval import (
    RENEWABLE,
    RENEWAL_LIMIT,
    RENEWAL_TIME,
    Approval,
    ApprovalState,
    Vote,
    renewed,
)
from funkhaus.domain.errors import ConflictError, ForbiddenError, InvalidError, TooManyError
from funkhaus.domain.keyset import Moment
from funkhaus.domain.permission import Permission, require_namespace
from funkhaus.domain.verdict import Finding
from funkhaus.services.holding import room, told
from funkhaus.services.pages import cut
from funkhaus.services.quotas import REASON_LIMIT, reasoned

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from funkhaus.ports import Clock, Stores, TenantWork
    from funkhaus.services.acts import Acts, Asker

UNTIL_LIMIT = timedelta(days=366)
"""How far off the end of an approval may be."""
Expectation = Callable[[Approval], None]
_STANDS = {
    ApprovalState.PENDING: "this still waits to be decided",
    ApprovalState.APPROVED: "this is approved",
    ApprovalState.SUPERSEDED: "this is over: another was asked for since, or the object was changed",
    ApprovalState.WITHDRAWN: "the object this was about is gone",
}
"""Why one can't be asked for anew."""


class ApprovalService:
    """Use cases of whoever reads and decides.

    A decision takes `expected`, which is called with the approval, locked until the transaction ends, and raises
    `PreconditionError` when that is not what the asker had read.
    """

    def __init__(self, stores: Stores, acts: Acts, clock: Clock) -> None:
        self._stores, self._acts, self._clock = stores, acts, clock

    async def page(
        self, asker: Asker, tenant: str, state: ApprovalState | None, *, after: str, limit: int
    ) -> tuple[Sequence[Approval], str]:
        """The tenant's, newest first, and where the next page begins ("" when there is none)."""
        place, seen = Moment.parse(after), asker.subject.restriction.namespaces
        async with (
            self._acts.reading(asker, Permission.APPROVAL_READ, tenant),
            self._stores.begin(tenant) as work,
        ):
            await work.tenant()
            found = await work.approvals.page(state, namespaces=seen, after=place, limit=limit + 1)
        return cut(found, limit, _place)

    async def pending(
        self, asker: Asker, *, after: str, limit: int
    ) -> tuple[Sequence[Approval], str]:
        """What waits for a decision in all tenants, oldest first (platform roles)."""
        place = Moment.parse(after)
        async with (
            self._acts.reading(asker, Permission.APPROVAL_READ),
            self._stores.begin_platform() as platform,
        ):
            found = await platform.approvals.pending(after=place, limit=limit + 1)
        return cut(found, limit, _place)

    async def show(self, asker: Asker, tenant: str, approval_id: str) -> Approval:
        """One; raises `NotFoundError`."""
        async with (
            self._acts.reading(asker, Permission.APPROVAL_READ, tenant, approval_id),
            self._stores.begin(tenant) as work,
        ):
            found = await work.approvals.find(approval_id)
            require_namespace(asker.subject, found.key.namespace)
            return found

    async def approve(
        self,
        asker: Asker,
        tenant: str,
        approval_id: str,
        expected: Expectation,
        *,
        reason: str = "",
        until: datetime | None = None,
    ) -> Approval:
        """Say yes; the last one that is needed approves. Never the requester, nor anybody behind its token.

        Raises `ForbiddenError`, `ConflictError` (decided already, one's own second yes), `InvalidError`, `NotFoundError`.
        """
        return await self._decide(
            asker, tenant, approval_id, expected, _checked(reason), until, yes=True
        )

    async def reject(
        self, asker: Asker, tenant: str, approval_id: str, expected: Expectation, *, reason: str
    ) -> Approval:
        """Say no, which one person does; raises as `approve` does."""
        return await self._decide(
            asker, tenant, approval_id, expected, reasoned(reason), None, yes=False
        )

    async def renew(
        self,
        asker: Asker,
        tenant: str,
        approval_id: str,
        expected: Expectation,
        *,
        reason: str = "",
    ) -> Approval:
        """Ask anew for what was rejected or has expired, of the same content; the new request.

        Neither the first requester nor who renews decides on it. Raises `ConflictError` for one that waits, holds or is of
        something else than what is stored, `TooManyError` for the fourth request in a day, `ForbiddenError`,
        `NotFoundError`.
        """
        namespaces = asker.subject.restriction.namespaces
        async with (
            self._acts.doing(
                asker,
                Permission.APPROVAL_RENEW,
                tenant,
                approval_id,
                action="approval:renew",
                namespace=namespaces[0] if namespaces else "",
            ) as act,
            self._stores.begin(tenant) as work,
        ):
            row = await work.approvals.find(approval_id, locked=True)
            require_namespace(asker.subject, row.key.namespace)
            act.uid, act.detail = row.uid, told(row) | {"reason": _checked(reason)}
            expected(row)
            now = self._clock.now()
            _over(row, await work.approvals.of(row.key, row.spec_digest, locked=True), now)
            await _seldom(work, row, now)
            await room(work)
            anew = renewed(row, _behind(asker), now)
            await work.approvals.put(replace(row, state=ApprovalState.SUPERSEDED))
            await work.approvals.put(anew)
            await work.approvals.tell("approval.requested", told(anew))
            act.detail |= told(anew) | {"renews": row.id, "reason": _checked(reason)}
            act.changed(told(row), told(anew))
            await act.done_in(work)
        return anew

    async def _decide(
        self,
        asker: Asker,
        tenant: str,
        approval_id: str,
        expected: Expectation,
        reason: str,
        until: datetime | None,
        *,
        yes: bool,
    ) -> Approval:
        action = f"approval:{'approve' if yes else 'reject'}"
        # A token that is limited to namespaces decides in these: which one it is, the approval says.
        namespaces = asker.subject.restriction.namespaces
        async with self._acts.doing(
            asker,
            Permission.APPROVAL_DECIDE,
            tenant,
            approval_id,
            action=action,
            namespace=namespaces[0] if namespaces else "",
        ) as act:
            _check_until(until, self._clock.now())
            async with self._stores.begin(tenant) as work:
                row = await work.approvals.find(approval_id, locked=True)
                require_namespace(asker.subject, row.key.namespace)
                act.uid, before = row.uid, told(row)
                act.detail |= told(row) | {"reason": reason, "people": row.rule.people}
                expected(row)
                _may_decide(asker, row)
                _open(row, self._clock.now())
                if yes:
                    row = await self._vote(work, asker, row, reason, until)
                else:
                    row = self._decided(asker, row, ApprovalState.REJECTED, reason)
                    await work.approvals.put(row)
                act.detail |= {"state": row.state.value, "votes": [vote.by for vote in row.votes]}
                act.changed(before, told(row))
                if row.state is not ApprovalState.PENDING:
                    await work.approvals.tell(f"approval.{row.state.value}", told(row))
                await act.done_in(work)
        return row

    async def _vote(
        self, work: TenantWork, asker: Asker, row: Approval, reason: str, until: datetime | None
    ) -> Approval:
        subject, now = asker.subject, self._clock.now()
        vote = Vote(subject.username, subject.person, now, reason, until)
        await work.approvals.vote(row.id, vote)
        row = replace(row, votes=(*row.votes, vote))
        if len(row.votes) >= row.rule.people:
            ends = [item.until for item in row.votes if item.until]
            row = self._decided(asker, row, ApprovalState.APPROVED, reason)
            row = replace(row, ends_at=min(ends) if ends else None)
        # Written in either case: whoever read it before this vote decides on something that has changed.
        await work.approvals.put(row)
        return row

    def _decided(self, asker: Asker, row: Approval, state: ApprovalState, reason: str) -> Approval:
        by = asker.subject.username
        return replace(row, state=state, decided_by=by, decided_at=self._clock.now(), reason=reason)


def _place(item: Approval) -> Moment:
    return Moment.of(item.requested_at, item.id)


def _may_decide(asker: Asker, row: Approval) -> None:
    """Pass for whoever may; raises `ForbiddenError`."""
    subject = asker.subject
    if subject.speaks_for(row.requested_by, *row.behind):
        raise ForbiddenError(
            "nobody approves their own change, nor that of a token they issued: it takes "
            + row.rule.words
        )
    if not row.rule.admits(subject, row.tenant):
        raise ForbiddenError(f"this takes {row.rule.words}; your roles are not among them")
    if row.rule.people > 1 and not subject.is_user:
        raise ForbiddenError(
            f"this takes {row.rule.words}, signed in themselves: a token is nobody's second pair of eyes"
        )


def _open(row: Approval, now: datetime) -> None:
    """Pass for what can be decided; raises `ConflictError`."""
    if row.state is not ApprovalState.PENDING:
        raise ConflictError(f"this is {row.state.value} already")
    if row.seen_at is None:
        raise ConflictError("the object this is about is not stored yet; look again in a moment")
    if row.lapsed(now):
        raise ConflictError(
            f"this could be decided until {row.expires_at:%Y-%m-%d %H:%M} UTC; a change of the object asks anew, "
            "and so does `funkhaus approval renew`"
        )


def _over(row: Approval, known: Sequence[Approval], now: datetime) -> None:
    """Pass for what can be asked for anew; raises `ConflictError`."""
    if row.state not in RENEWABLE and not row.lapsed(now):
        raise ConflictError(_STANDS[row.state])
    if row.seen_at is None:
        raise ConflictError("the object this is about was never stored")
    latest = next((item for item in known if item.is_of(row.uid, row.spec_digest)), row)
    if latest.id != row.id:
        raise ConflictError(f"the same was asked for later: approval {latest.id}")


async def _seldom(work: TenantWork, row: Approval, now: datetime) -> None:
    """Pass unless the same content was asked for often; raises `TooManyError`."""
    times = await work.approvals.times(row.key, row.spec_digest, now - RENEWAL_TIME)
    if len(times) < RENEWAL_LIMIT:
        return
    again = times[-RENEWAL_LIMIT] + RENEWAL_TIME
    message = (
        f"this was asked for {len(times)} times within 24 hours; {RENEWAL_LIMIT} pass, the next from "
        f"{again:%Y-%m-%d %H:%M} UTC on. Speak with who decides, or change the object"
    )
    finding = Finding("approval-renewed-often", message, limit=RENEWAL_LIMIT, value=len(times) + 1)
    raise TooManyError(
        message, findings=[finding], retry_seconds=math.ceil((again - now).total_seconds())
    )


def _behind(asker: Asker) -> frozenset[str]:
    """Who asks, and who stands behind that."""
    return frozenset({asker.subject.username, asker.subject.person})


def _check_until(until: datetime | None, now: datetime) -> None:
    if until is None or now < until <= now + UNTIL_LIMIT:
        return
    limit = now + UNTIL_LIMIT
    message = f"lies in the future, and not after {limit:%Y-%m-%d}"
    raise InvalidError.at(
        Finding(
            "until-out-of-range", message, "until", limit=limit.isoformat(), value=until.isoformat()
        )
    )


def _checked(reason: str) -> str:
    """A reason on one line, or none."""
    return " ".join(reason.split())[:REASON_LIMIT]
