"""`funkhaus.ports.Approvals` on Postgres."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from sqlalchemy import delete, func, or_, select
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.postgresql import insert

from funkhaus.domain.approval import Approval, ApprovalState, ApproverRule, Vote
from funkhaus.domain.audit import storable
from funkhaus.domain.charge import Key
from funkhaus.domain.errors import NotFoundError
from funkhaus.domain.subject import PREFIX
from funkhaus.domain.verdict import Finding, Outcome
from funkhaus.ports.approvals import Backlog, Change, Checked
from funkhaus.storage import rows
from funkhaus.storage.schema import (
    ApprovalCheckRow,
    ApprovalRow,
    ApprovalVoteRow,
    NotificationRow,
    TokenRow,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy import Select
    from sqlalchemy.ext.asyncio import AsyncConnection

    from funkhaus.domain.keyset import Moment
    from funkhaus.storage.rows import Row

OF_ONE_LIMIT = 50
TIMES_LIMIT = 100
_FACTS = (
    "uid", "spec_digest", "policy_revision", "requested_by", "requested_at", "expires_at", "seen_at", "decided_by",
    "decided_at", "reason", "ends_at",
)  # fmt: skip
_OVER = (ApprovalState.SUPERSEDED.value, ApprovalState.WITHDRAWN.value)
"""What holds no object any more."""
_TABLE, _VOTES = ApprovalRow.__table__, ApprovalVoteRow.__table__
_AGE = (_TABLE.c.requested_at, _TABLE.c.id)
_NEWEST = tuple(column.desc() for column in _AGE)


class _Reading(rows.Statements):
    async def _approvals(self, statement: Select[*tuple[Row, ...]]) -> list[Approval]:
        found = list(await self._run(statement))
        if not found:
            return []
        votes: dict[UUID, list[Vote]] = {}
        cast = select(_VOTES).where(_VOTES.c.approval_id.in_([row.id for row in found]))
        for row in await self._run(cast.order_by(_VOTES.c.at, _VOTES.c.person)):
            vote = Vote(row.by, row.person, row.at, row.reason, row.until)
            votes.setdefault(row.approval_id, []).append(vote)
        return [_approval(row, votes.get(row.id, [])) for row in found]


class PostgresApprovals(_Reading):
    """A tenant's."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        super().__init__(connection)
        self._tenant = tenant
        self._ours = _TABLE.c.tenant_id == tenant

    async def put(self, approval: Approval) -> None:
        """Insert, or write down what became of it."""
        if approval.tenant != self._tenant:
            raise ValueError(f"a row of tenant {approval.tenant!r} in one of {self._tenant!r}")
        values: dict[str, Any] = {name: getattr(approval, name) for name in _FACTS}
        values |= _place(approval.key) | {
            "findings": storable([item.as_json() for item in approval.findings]),
            "rule": approval.rule.as_json(),
            "behind": list(approval.behind),
            "state": approval.state.value,
        }
        await self._run(
            insert(ApprovalRow)
            .values(id=UUID(approval.id), tenant_id=self._tenant, **values)
            .on_conflict_do_update(
                index_elements=["id"], set_=values | {"changed_at": func.now()}, where=self._ours
            )
        )

    async def vote(self, approval_id: str, vote: Vote) -> None:
        """Write down a yes; raises `ConflictError` for a person's second one."""
        await self._insert(
            plain_insert(ApprovalVoteRow).values(
                approval_id=UUID(approval_id), tenant_id=self._tenant, person=vote.person, by=vote.by,
                at=vote.at, reason=vote.reason, until=vote.until,
            ),
            "you said yes to this already; it needs somebody else's, too",
        )  # fmt: skip

    async def find(self, approval_id: str, *, locked: bool = False) -> Approval:
        """One, with its votes; raises `NotFoundError`."""
        missing = NotFoundError(f"there is no approval {approval_id!r:.80}")
        try:
            key = UUID(approval_id)
        except ValueError as error:
            raise missing from error
        statement = select(_TABLE).where(self._ours, _TABLE.c.id == key)
        found = await self._approvals(statement.with_for_update() if locked else statement)
        if not found:
            raise missing
        return found[0]

    async def of(self, key: Key, digest: str, *, locked: bool = False) -> Sequence[Approval]:
        """An object's that are neither superseded nor withdrawn: those of this content first, then the newest."""
        place = (_TABLE.c[name] == value for name, value in _place(key).items())
        statement = (
            select(_TABLE)
            .where(self._ours, *place, _TABLE.c.state.not_in(_OVER))
            .order_by((_TABLE.c.spec_digest == digest).desc(), *_NEWEST)
            .limit(OF_ONE_LIMIT)
        )
        return await self._approvals(statement.with_for_update() if locked else statement)

    async def page(
        self,
        state: ApprovalState | None = None,
        *,
        namespaces: Collection[str] = (),
        after: Moment | None = None,
        limit: int = 100,
    ) -> Sequence[Approval]:
        """Those of objects that were seen, newest first, what is older than `after`."""
        statement = select(_TABLE).where(self._ours, _TABLE.c.seen_at.is_not(None))
        if state:
            statement = statement.where(_TABLE.c.state == state.value)
        if namespaces:
            statement = statement.where(_TABLE.c.namespace.in_(namespaces))
        return await self._approvals(rows.newest(statement, _AGE, after, limit))

    async def times(self, key: Key, digest: str, since: datetime) -> Sequence[datetime]:
        """When this content of an object was asked for since then, oldest first; the latest hundred."""
        statement = (
            select(_TABLE.c.requested_at)
            .where(
                self._ours,
                *(_TABLE.c[name] == value for name, value in _place(key).items()),
                _TABLE.c.spec_digest == digest,
                _TABLE.c.requested_at > since,
            )
            .order_by(_TABLE.c.requested_at.desc())
            .limit(TIMES_LIMIT)
        )
        return list(reversed(list((await self._run(statement)).scalars())))

    async def waiting(self) -> int:
        """How many are pending."""
        pending = _TABLE.c.state == ApprovalState.PENDING.value
        statement = select(func.count()).select_from(_TABLE).where(self._ours, pending)
        return int((await self._run(statement)).scalar() or 0)

    async def checked(self, key: Key) -> Checked | None:
        """What an object was last found to need none for."""
        table = ApprovalCheckRow.__table__
        statement = select(table.c.uid, table.c.spec_digest).where(
            table.c.tenant_id == self._tenant,
            *(table.c[name] == value for name, value in _place(key).items()),
        )
        row = (await self._run(statement)).one_or_none()
        return None if row is None else Checked(row.uid, row.spec_digest)

    async def check(self, key: Key, checked: Checked | None, now: datetime) -> None:
        """Write that down, or forget it."""
        table, place = ApprovalCheckRow.__table__, {"tenant_id": self._tenant} | _place(key)
        if checked is None:
            here = (table.c[name] == value for name, value in place.items())
            await self._run(delete(ApprovalCheckRow).where(*here))
            return
        values = {"uid": checked.uid, "spec_digest": checked.spec_digest, "checked_at": now}
        await self._run(
            insert(ApprovalCheckRow)
            .values(**place, **values)
            .on_conflict_do_update(index_elements=list(place), set_=values)
        )

    async def issuers(self, username: str) -> frozenset[str]:
        """The people who issued the tokens of a cluster user."""
        try:
            subject = UUID(username.removeprefix(PREFIX))
        except ValueError:
            return frozenset()
        statement = select(TokenRow.issued_by).where(
            TokenRow.tenant_id == self._tenant,
            TokenRow.subject_id == subject,
            TokenRow.issued_by != "",
        )
        return frozenset((await self._run(statement)).scalars())

    async def tell(self, event: str, payload: dict[str, object]) -> None:
        """Put a notification into the outbox."""
        await self._run(
            plain_insert(NotificationRow).values(
                id=uuid4(), tenant_id=self._tenant, event=event, payload=storable(payload)
            )
        )


class PostgresPlatformApprovals(_Reading):
    """All tenants'."""

    async def pending(self, *, after: Moment | None = None, limit: int = 100) -> Sequence[Approval]:
        """What waits for a decision and was seen, oldest first, what is younger than `after`."""
        statement = select(_TABLE).where(
            _TABLE.c.state == ApprovalState.PENDING.value, _TABLE.c.seen_at.is_not(None)
        )
        return await self._approvals(rows.oldest(statement, _AGE, after, limit))

    async def backlog(self) -> Backlog:
        """All that waits for a decision and was seen."""
        statement = select(
            func.count().label("many"), func.min(_TABLE.c.requested_at).label("oldest")
        )
        row = (
            await self._run(
                statement.where(
                    _TABLE.c.state == ApprovalState.PENDING.value, _TABLE.c.seen_at.is_not(None)
                )
            )
        ).one()
        return Backlog(row.many, row.oldest)

    async def lapsed(
        self, now: datetime, *, after: str = "", limit: int = 50
    ) -> Sequence[Approval]:
        """Open ones whose time is over, by id."""
        pending = (_TABLE.c.state == ApprovalState.PENDING.value) & (_TABLE.c.expires_at <= now)
        approved = (_TABLE.c.state == ApprovalState.APPROVED.value) & (_TABLE.c.ends_at <= now)
        statement = select(_TABLE).where(or_(pending, approved))
        if after:
            statement = statement.where(_TABLE.c.id > UUID(after))
        return await self._approvals(statement.order_by(_TABLE.c.id).limit(limit))

    async def changed(self, seconds: float, *, limit: int = 1000) -> Sequence[Change]:
        """What came into its state in the last seconds, newest first."""
        since = func.now() - timedelta(seconds=seconds)
        return await self._changes(select(_TABLE).where(_TABLE.c.changed_at >= since), limit)

    async def open(self, *, limit: int = 5000) -> Sequence[Change]:
        """What is neither superseded nor withdrawn, newest first."""
        return await self._changes(select(_TABLE).where(_TABLE.c.state.not_in(_OVER)), limit)

    async def _changes(self, statement: Select[*tuple[Row, ...]], limit: int) -> Sequence[Change]:
        newest = statement.order_by(_TABLE.c.changed_at.desc(), _TABLE.c.id).limit(limit)
        return [
            Change(str(row.id), ApprovalState(row.state), row.tenant_id, _key(row))
            for row in await self._run(newest)
        ]

    async def forget(self, before: datetime, *, limit: int = 500) -> int:
        """Delete what was superseded or withdrawn before then; how many."""
        some = (
            select(_TABLE.c.id)
            .where(_TABLE.c.state.in_(_OVER), _TABLE.c.decided_at < before)
            .limit(limit)
        )
        return (await self._run(delete(ApprovalRow).where(_TABLE.c.id.in_(some)))).rowcount


def _place(key: Key) -> dict[str, str]:
    return {"kind": key.kind, "namespace": key.namespace, "name": key.name}


def _key(row: Row) -> Key:
    return Key(row.kind, row.namespace, row.name)


def _approval(row: Row, votes: Sequence[Vote]) -> Approval:
    return Approval(
        id=str(row.id),
        tenant=row.tenant_id,
        key=_key(row),
        findings=tuple(_finding(item) for item in row.findings),
        rule=ApproverRule.read(row.rule),
        behind=tuple(row.behind),
        state=ApprovalState(row.state),
        votes=tuple(votes),
        **{name: getattr(row, name) for name in _FACTS},
    )


def _finding(item: dict[str, Any]) -> Finding:
    return Finding(**{**item, "outcome": Outcome(item["outcome"])})
