"""`funkhaus.ports.AuditTrail` and `AuditChains` on Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, insert, literal_column, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from funkhaus.domain.audit import GENESIS, Chain, Checkpoint, Entry, Link
from funkhaus.domain.audit_verification import Anchor
from funkhaus.domain.errors import ConflictError, NotFoundError
from funkhaus.ports.audit import AuditListed
from funkhaus.storage import rows
from funkhaus.storage.schema import AuditChainRow, AuditCheckpointRow, AuditEntry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncConnection

    from funkhaus.ports.audit import AuditFilter
    from funkhaus.storage.rows import Row

SCAN = 10_000
"""Rows one page looks through."""
COUNT_LIMIT = 1000
_FACTS = (
    "issuer", "sub", "subject", "token_id", "action", "target", "uid", "before", "after", "outcome", "request_id", "detail",
)  # fmt: skip
_AUDIT = AuditEntry.__table__
_CHAINS = AuditChainRow.__table__
_SIGNED = AuditCheckpointRow.__table__
_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:chain, 0))")
_LINK = text(
    """
    UPDATE audit SET position = v.position, previous = v.previous, hash = v.hash
    FROM unnest(CAST(:sequences AS bigint[]), CAST(:positions AS bigint[]), CAST(:previous AS text[]),
                CAST(:hashes AS text[])) AS v(sequence, position, previous, hash)
    WHERE audit.sequence = v.sequence AND audit.position IS NULL
    """
)


class PostgresAuditTrail(rows.Statements):
    """One chain: `tenant`'s, or the platform's when it is empty."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        super().__init__(connection)
        self._tenant = tenant

    async def page(
        self, wanted: AuditFilter, *, before: int = 0, limit: int = 100
    ) -> tuple[Sequence[AuditListed], int]:
        """Rows, newest first, and where the next page begins."""
        here = [_mine(_AUDIT.c.tenant_id, self._tenant)]
        if before:
            here.append(_AUDIT.c.sequence < before)
        newest = _AUDIT.c.sequence.desc()
        window = select(_AUDIT.c.sequence).where(*here).order_by(newest).offset(SCAN - 1).limit(1)
        floor = (await self._run(window)).scalar()
        if floor is not None:
            here.append(_AUDIT.c.sequence >= floor)
        statement = select(_AUDIT).where(*here, *_filters(wanted)).order_by(newest).limit(limit + 1)
        found = [_listed(row) for row in await self._run(statement)]
        if len(found) > limit:
            return found[:limit], found[limit - 1].entry.sequence
        return found, floor or 0

    async def links(self, *, after: int, limit: int = 500) -> Sequence[Link]:
        """Linked rows behind a position."""
        statement = (
            select(_AUDIT)
            .where(_mine(_AUDIT.c.tenant_id, self._tenant), _AUDIT.c.position > after)
            .order_by(_AUDIT.c.position, _AUDIT.c.sequence)
            .limit(limit)
        )
        return [_link(row) for row in await self._run(statement)]

    async def checkpoints(
        self, *, after: int, until: int | None = None, limit: int = 500
    ) -> Sequence[Checkpoint]:
        """Checkpoints behind a position."""
        statement = (
            select(_SIGNED)
            .where(_mine(_SIGNED.c.tenant_id, self._tenant), _SIGNED.c.position > after)
            .order_by(_SIGNED.c.position, _SIGNED.c.number)
            .limit(limit)
        )
        if until is not None:
            statement = statement.where(_SIGNED.c.position <= until)
        return [_checkpoint(row) for row in await self._run(statement)]

    async def chain(self) -> Chain:
        """Where the chain says it stands."""
        statement = select(_CHAINS).where(_CHAINS.c.chain == self._tenant)
        row = (await self._run(statement)).one_or_none()
        return _chain(row) if row else Chain(self._tenant)

    async def anchor(self, position: int) -> Anchor:
        """Where a verification can go on."""
        if position == 0:
            return Anchor()
        link = next(iter(await self.links(after=position - 1, limit=1)), None)
        if link is None or link.position != position:
            raise NotFoundError(f"there is no row at position {position} of this chain")
        statement = (
            select(_SIGNED)
            .where(_mine(_SIGNED.c.tenant_id, self._tenant), _SIGNED.c.position <= position)
            .order_by(_SIGNED.c.position.desc(), _SIGNED.c.number.desc())
            .limit(1)
        )
        row = (await self._run(statement)).one_or_none()
        if row is None:
            return Anchor(position, link.hash, waiting_since=link.entry.at)
        signed = _checkpoint(row)
        since = link.entry.at if signed.position < position else None
        return Anchor(position, link.hash, signed.position, signed.digest, since)

    async def waiting(self) -> int:
        """How many rows wait; counts to a thousand."""
        some = (
            select(_AUDIT.c.sequence)
            .where(_mine(_AUDIT.c.tenant_id, self._tenant), _AUDIT.c.position.is_(None))
            .limit(COUNT_LIMIT)
            .subquery()
        )
        return int((await self._run(select(func.count()).select_from(some))).scalar_one())


class PostgresAuditChains(rows.Statements):
    """All chains, written."""

    async def waiting(self, *, limit: int = 2000) -> Sequence[tuple[str, datetime]]:
        """Chains that wait, longest waiting first."""
        oldest = (
            select(_AUDIT.c.tenant_id, _AUDIT.c.sequence, _AUDIT.c.at)
            .where(_AUDIT.c.position.is_(None))
            .order_by(_AUDIT.c.sequence)
            .limit(limit)
            .subquery()
        )
        statement = (
            select(oldest.c.tenant_id, func.min(oldest.c.at).label("since"))
            .group_by(oldest.c.tenant_id)
            .order_by(func.min(oldest.c.sequence))
        )
        return [(row.tenant_id or "", row.since) for row in await self._run(statement)]

    async def due(self, now: datetime, *, limit: int = 200) -> Sequence[str]:
        """Chains whose next checkpoint is due."""
        statement = (
            select(_CHAINS.c.chain)
            .where(_CHAINS.c.due_at <= now)
            .order_by(_CHAINS.c.due_at)
            .limit(limit)
        )
        return [row.chain for row in await self._run(statement)]

    async def take(self, tenant: str) -> Chain | None:
        """The chain, if nobody else has it."""
        if not (await self._run(_LOCK, {"chain": f"funkhaus audit chain {tenant}"})).scalar():
            return None
        # A statement of its own, after the lock: it sees what the one before us committed.
        await self._run(
            upsert(AuditChainRow)
            .values(chain=tenant, tenant_id=tenant or None, hash=GENESIS)
            .on_conflict_do_nothing(index_elements=["chain"])
        )
        row = (await self._run(select(_CHAINS).where(_CHAINS.c.chain == tenant))).one()
        return _chain(row)

    async def unlinked(self, tenant: str, *, limit: int = 500) -> Sequence[Entry]:
        """Rows without a place, oldest first."""
        statement = (
            select(_AUDIT)
            .where(_mine(_AUDIT.c.tenant_id, tenant), _AUDIT.c.position.is_(None))
            .order_by(_AUDIT.c.sequence)
            .limit(limit)
        )
        return [_entry(row) for row in await self._run(statement)]

    async def link(self, links: Sequence[Link], chain: Chain) -> None:
        """Give rows their place."""
        values: dict[str, object] = {
            "sequences": [link.entry.sequence for link in links],
            "positions": [link.position for link in links],
            "previous": [link.previous for link in links],
            "hashes": [link.hash for link in links],
        }
        if (await self._run(_LINK, values)).rowcount != len(links):
            raise ConflictError("a row has its place in the chain already")
        await self._note(chain)

    async def sign(self, checkpoint: Checkpoint, chain: Chain) -> None:
        """Keep a checkpoint."""
        await self._run(
            insert(AuditCheckpointRow).values(
                tenant_id=checkpoint.tenant or None,
                position=checkpoint.position,
                hash=checkpoint.hash,
                at=checkpoint.at,
                previous=checkpoint.previous,
                key_id=checkpoint.key_id,
                signature=checkpoint.signature,
            )
        )
        await self._note(chain)

    async def _note(self, chain: Chain) -> None:
        await self._run(
            update(AuditChainRow)
            .where(_CHAINS.c.chain == chain.tenant)
            .values(
                position=chain.position,
                hash=chain.hash,
                signed_position=chain.signed_position,
                signed_digest=chain.signed_digest,
                due_at=chain.due_at,
            )
        )


def _mine(column: ColumnElement[str | None], tenant: str) -> ColumnElement[bool]:
    return column == tenant if tenant else column.is_(None)


def _filters(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    columns = _AUDIT.c
    found: list[ColumnElement[bool]] = []
    if wanted.action.endswith("*"):
        found.append(columns.action.startswith(wanted.action[:-1], autoescape=True))
    elif wanted.action:
        found.append(columns.action == wanted.action)
    if wanted.actor:
        who = (columns.subject, columns.sub, columns.token_id)
        found.append(or_(*(column == wanted.actor for column in who)))
    if wanted.target:
        found.append(columns.target.startswith(wanted.target, autoescape=True))
    if wanted.outcome:
        found.append(columns.outcome == wanted.outcome)
    if wanted.since:
        found.append(columns.at >= wanted.since)
    if wanted.until:
        found.append(columns.at < wanted.until)
    return found or [literal_column("true")]


def _entry(row: Row) -> Entry:
    facts = {name: getattr(row, name) for name in _FACTS}
    return Entry(sequence=row.sequence, at=row.at, tenant=row.tenant_id or "", **facts)


def _listed(row: Row) -> AuditListed:
    return AuditListed(_entry(row), row.position or 0, row.hash or "")


def _link(row: Row) -> Link:
    return Link(_entry(row), row.position, row.previous or "", row.hash or "")


def _chain(row: Row) -> Chain:
    return Chain(
        row.chain, row.position, row.hash, row.signed_position, row.signed_digest, row.due_at
    )


def _checkpoint(row: Row) -> Checkpoint:
    return Checkpoint(
        row.tenant_id or "", row.position, row.hash, row.at, row.previous, row.key_id, row.signature
    )
