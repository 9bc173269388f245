"""`Approvals` without a database."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from funkhaus.domain.approval import Approval, ApprovalState, ApproverRule, Vote
from funkhaus.domain.charge import Key
from funkhaus.domain.errors import ConflictError, NotFoundError
from funkhaus.domain.notification import Notification
from funkhaus.domain.subject import PREFIX, PlatformRole, Role
from funkhaus.domain.verdict import Finding, Outcome
from funkhaus.ports import Backlog, Change, Checked

from .ages import newest, oldest

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from funkhaus.domain.keyset import Moment
    from funkhaus.ports import Stores

    from .stores import State


OVER = frozenset({ApprovalState.SUPERSEDED, ApprovalState.WITHDRAWN})
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
KEY = Key("Function", "main", "hello")
FINDING = Finding(
    "cpu-needs-approval", "cpu is a lot", "spec.resources.cpu", Outcome.REQUIRE_APPROVAL, "1", "2"
)
RULE = ApproverRule(frozenset({PlatformRole.APPROVER}), frozenset({Role.OWNER}), 2, 3)


def approval(tenant: str = "blue", age: float = 0, **change: object) -> Approval:
    made = Approval(
        id=str(uuid4()),
        tenant=tenant,
        key=KEY,
        spec_digest="sha256:a",
        findings=(FINDING,),
        rule=RULE,
        requested_by="fh:ada",
        requested_at=NOW - timedelta(seconds=age),
        expires_at=NOW + timedelta(days=3),
        uid="u1",
        behind=("fh:bob",),
        policy_revision="sha256:p",
        seen_at=NOW,
    )
    return replace(made, **change)  # type: ignore[arg-type]  # any field, by name


async def put(stores: Stores, *rows: Approval) -> None:
    for row in rows:
        async with stores.begin(row.tenant) as work:
            await work.approvals.put(row)


@dataclass(frozen=True)
class Told:
    """A notification that waits."""

    id: str
    tenant: str
    event: str
    payload: dict[str, Any]
    queued_at: datetime
    attempts: int = 0
    not_before: datetime | None = None
    error: str = ""


class MemoryApprovals:
    """A tenant's."""

    def __init__(self, state: State, tenant: str) -> None:
        self._state, self._tenant = state, tenant

    def _own(self) -> list[Approval]:
        own = [row for row in self._state.approvals.values() if row.tenant == self._tenant]
        return sorted(own, key=lambda row: (row.requested_at, row.id), reverse=True)

    async def put(self, approval: Approval) -> None:
        if approval.tenant != self._tenant:
            raise ValueError(f"a row of tenant {approval.tenant!r} in one of {self._tenant!r}")
        before = self._state.approvals.get(approval.id)
        votes = before.votes if before else ()
        self._state.approvals[approval.id] = replace(approval, votes=votes)
        self._state.approvals_changed[approval.id] = datetime.now(UTC)

    async def vote(self, approval_id: str, vote: Vote) -> None:
        row = self._state.approvals[approval_id]
        if any(other.person == vote.person for other in row.votes):
            raise ConflictError("you said yes to this already; it needs somebody else's, too")
        votes = sorted([*row.votes, vote], key=lambda item: (item.at, item.person))
        self._state.approvals[approval_id] = replace(row, votes=tuple(votes))

    async def find(self, approval_id: str, *, locked: bool = False) -> Approval:
        del locked
        found = self._state.approvals.get(approval_id)
        if found is None or found.tenant != self._tenant:
            raise NotFoundError(f"there is no approval {approval_id!r:.80}")
        return found

    async def of(self, key: Key, digest: str, *, locked: bool = False) -> Sequence[Approval]:
        del locked
        over = {ApprovalState.SUPERSEDED, ApprovalState.WITHDRAWN}
        own = [row for row in self._own() if row.key == key and row.state not in over]
        return sorted(own, key=lambda row: row.spec_digest != digest)[:50]

    async def page(
        self,
        state: ApprovalState | None = None,
        *,
        namespaces: Collection[str] = (),
        after: Moment | None = None,
        limit: int = 100,
    ) -> Sequence[Approval]:
        own = [
            row
            for row in self._own()
            if row.seen_at
            and state in {None, row.state}
            and (not namespaces or row.key.namespace in namespaces)
        ]
        return newest(own, lambda row: row.requested_at, after, limit)

    async def times(self, key: Key, digest: str, since: datetime) -> Sequence[datetime]:
        own = [row for row in self._own() if (row.key, row.spec_digest) == (key, digest)]
        return sorted(row.requested_at for row in own if row.requested_at > since)[-100:]

    async def waiting(self) -> int:
        return sum(row.state is ApprovalState.PENDING for row in self._own())

    async def checked(self, key: Key) -> Checked | None:
        return self._state.approval_checks.get((self._tenant, key))

    async def check(self, key: Key, checked: Checked | None, now: datetime) -> None:
        assert now
        if checked is None:
            self._state.approval_checks.pop((self._tenant, key), None)
        else:
            self._state.approval_checks[self._tenant, key] = checked

    async def issuers(self, username: str) -> frozenset[str]:
        subject = username.removeprefix(PREFIX)
        return frozenset(
            token.issued_by
            for token in self._state.tokens.values()
            if (token.tenant, token.subject_id) == (self._tenant, subject) and token.issued_by
        )

    async def tell(self, event: str, payload: dict[str, object]) -> None:
        told = Told(str(uuid4()), self._tenant, event, dict(payload), datetime.now(UTC))
        self._state.notifications[told.id] = told


class MemoryPlatformApprovals:
    """All tenants'."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def pending(self, *, after: Moment | None = None, limit: int = 100) -> Sequence[Approval]:
        found = [
            row
            for row in self._state.approvals.values()
            if row.state is ApprovalState.PENDING and row.seen_at
        ]
        return oldest(found, lambda row: row.requested_at, after, limit)

    async def backlog(self) -> Backlog:
        waiting = await self.pending(limit=10**6)
        return Backlog(len(waiting), waiting[0].requested_at if waiting else None)

    async def lapsed(
        self, now: datetime, *, after: str = "", limit: int = 50
    ) -> Sequence[Approval]:
        rows = self._state.approvals.values()
        found = [row for row in rows if row.lapsed(now) and row.id > after]
        return sorted(found, key=lambda row: row.id)[:limit]

    async def changed(self, seconds: float, *, limit: int = 1000) -> Sequence[Change]:
        since = datetime.now(UTC) - timedelta(seconds=seconds)
        at = self._state.approvals_changed
        return self._changes(
            [row for row in self._state.approvals.values() if at[row.id] >= since], limit
        )

    async def open(self, *, limit: int = 5000) -> Sequence[Change]:
        return self._changes(
            [row for row in self._state.approvals.values() if row.state not in OVER], limit
        )

    def _changes(self, found: list[Approval], limit: int) -> Sequence[Change]:
        at = self._state.approvals_changed
        found.sort(key=lambda row: at[row.id], reverse=True)
        return [Change(row.id, row.state, row.tenant, row.key) for row in found[:limit]]

    async def forget(self, before: datetime, *, limit: int = 500) -> int:
        gone = [
            row.id
            for row in self._state.approvals.values()
            if row.state in OVER and row.decided_at and row.decided_at < before
        ][:limit]
        for key in gone:
            del self._state.approvals[key]
        return len(gone)


class MemoryNotifications:
    """All tenants'."""

    def __init__(self, told: dict[str, Told]) -> None:
        self._told = told

    def _oldest(self) -> list[Told]:
        return sorted(self._told.values(), key=lambda item: (item.queued_at, item.id))

    async def due(self, now: datetime) -> Notification | None:
        for item in self._oldest():
            if item.not_before is None or item.not_before <= now:
                return Notification(
                    item.id, item.tenant, item.event, item.payload, item.queued_at, item.attempts
                )
        return None

    async def done(self, notification_id: str) -> None:
        self._told.pop(notification_id, None)

    async def postpone(self, notification_id: str, error: str, until: datetime) -> None:
        item = self._told[notification_id]
        later = replace(item, attempts=item.attempts + 1, error=error, not_before=until)
        self._told[notification_id] = later

    async def drop(self, *, limit: int = 500) -> int:
        gone = self._oldest()[:limit]
        for item in gone:
            del self._told[item.id]
        return len(gone)
