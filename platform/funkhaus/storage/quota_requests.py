"""`funkhaus.ports.QuotaRequests` on Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from funkhaus.domain.errors import NotFoundError
from funkhaus.domain.quota import COUNTS, Counts
from funkhaus.domain.quota_request import QuotaRequest, RequestState
from funkhaus.storage import rows
from funkhaus.storage.schema import QuotaRequestRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from funkhaus.domain.keyset import Moment
    from funkhaus.storage.rows import Row

_FACTS = (
    "namespace", "reason", "days", "requested_by", "requested_at", "decided_by", "decided_at", "note",
    "expires_at",
)  # fmt: skip
_TABLE = QuotaRequestRow.__table__
_AGE = (_TABLE.c.requested_at, _TABLE.c.id)


class PostgresQuotaRequests(rows.Statements):
    """A tenant's."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        super().__init__(connection)
        self._tenant = tenant

    async def put(self, request: QuotaRequest) -> None:
        """Insert, or write down what became of it."""
        if request.tenant != self._tenant:
            raise ValueError(f"a row of tenant {request.tenant!r} in one of {self._tenant!r}")
        values = {name: getattr(request, name) for name in _FACTS} | rows.limits(request.extra)
        values |= {name: getattr(request.counts, name) for name in COUNTS}
        values |= {"state": request.state.value, "behind": list(request.behind)}
        await self._run(
            insert(QuotaRequestRow)
            .values(id=UUID(request.id), tenant_id=self._tenant, **values)
            .on_conflict_do_update(
                index_elements=["id"], set_=values, where=_TABLE.c.tenant_id == self._tenant
            )
        )

    async def find(self, request_id: str) -> QuotaRequest:
        """One request; raises `NotFoundError`."""
        missing = NotFoundError(f"there is no quota request {request_id!r:.80}")
        try:
            key = UUID(request_id)
        except ValueError as error:
            raise missing from error
        statement = select(_TABLE).where(_TABLE.c.tenant_id == self._tenant, _TABLE.c.id == key)
        if (row := (await self._run(statement)).one_or_none()) is None:
            raise missing
        return _request(row)

    async def page(
        self, state: RequestState | None = None, *, after: Moment | None = None, limit: int = 100
    ) -> Sequence[QuotaRequest]:
        """The tenant's, newest first, those older than `after`."""
        statement = select(_TABLE).where(_TABLE.c.tenant_id == self._tenant)
        if state:
            statement = statement.where(_TABLE.c.state == state.value)
        return [
            _request(row) for row in await self._run(rows.newest(statement, _AGE, after, limit))
        ]


class PostgresPlatformQuotaRequests(rows.Statements):
    """All tenants'."""

    async def pending(
        self, *, after: Moment | None = None, limit: int = 100
    ) -> Sequence[QuotaRequest]:
        """What waits for a decision, oldest first, what is younger than `after`."""
        statement = select(_TABLE).where(_TABLE.c.state == RequestState.PENDING.value)
        return [
            _request(row) for row in await self._run(rows.oldest(statement, _AGE, after, limit))
        ]

    async def expired(
        self, now: datetime, *, after: str = "", limit: int = 50
    ) -> Sequence[QuotaRequest]:
        """Approved ones whose time is up, by id."""
        statement = select(_TABLE).where(
            _TABLE.c.state == RequestState.APPROVED.value, _TABLE.c.expires_at <= now
        )
        if after:
            statement = statement.where(_TABLE.c.id > UUID(after))
        found = await self._run(statement.order_by(_TABLE.c.id).limit(limit))
        return [_request(row) for row in found]


def _request(row: Row) -> QuotaRequest:
    return QuotaRequest(
        id=str(row.id),
        tenant=row.tenant_id,
        extra=rows.quota(row),
        state=RequestState(row.state),
        behind=tuple(row.behind),
        counts=Counts(**{name: getattr(row, name) for name in COUNTS}),
        **{name: getattr(row, name) for name in _FACTS},
    )
