"""`funkhaus.ports.TenantRequests` on Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import insert, select, update

from funkhaus.domain.errors import NotFoundError
from funkhaus.domain.tenant_request import TenantRequest, TenantRequestState
from funkhaus.storage import rows
from funkhaus.storage.schema import TenantRequestRow, UserRow
from funkhaus.storage.users import no_user, user_uuid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Select

    from funkhaus.domain.keyset import Moment
    from funkhaus.storage.rows import Row

_TABLE = TenantRequestRow.__table__
_AGE = (_TABLE.c.requested_at, _TABLE.c.id)
_SAME = ("display_name", "reason", "requested_at", "decided_by", "decided_at", "note")


class PostgresTenantRequests(rows.Statements):
    """All people's."""

    async def add(self, request: TenantRequest) -> None:
        """Insert one of somebody who is known; raises `NotFoundError` for a user there isn't."""
        user = user_uuid(request.user_id)
        known = select(UserRow.id).where(UserRow.id == user)
        if (await self._run(known)).one_or_none() is None:
            raise NotFoundError(no_user(request.user_id))
        values = {name: getattr(request, name) for name in _SAME} | {
            "id": UUID(request.id),
            "wanted": request.tenant,
            "plan_id": request.plan,
            "user_id": user,
            "state": request.state.value,
        }
        await self._run(insert(TenantRequestRow).values(values))

    async def locked(self, request_id: str) -> TenantRequest:
        """One request, for this transaction alone until it ends; raises `NotFoundError`."""
        missing = NotFoundError(f"there is no tenant request {request_id!r:.80}")
        try:
            key = UUID(request_id)
        except ValueError as error:
            raise missing from error
        statement = _all().where(_TABLE.c.id == key).with_for_update(of=TenantRequestRow)
        if (row := (await self._run(statement)).one_or_none()) is None:
            raise missing
        return _request(row)

    async def decided(self, request: TenantRequest) -> None:
        """Write down what became of one."""
        await self._run(
            update(TenantRequestRow)
            .where(_TABLE.c.id == UUID(request.id))
            .values(
                state=request.state.value,
                decided_by=request.decided_by,
                decided_at=request.decided_at,
                note=request.note,
            )
        )

    async def of_user(
        self, user_id: str, *, after: Moment | None = None, limit: int = 100
    ) -> Sequence[TenantRequest]:
        """A person's, newest first, those older than `after`."""
        statement = _all().where(_TABLE.c.user_id == user_uuid(user_id))
        return [
            _request(row) for row in await self._run(rows.newest(statement, _AGE, after, limit))
        ]

    async def pending(
        self, user_id: str = "", *, after: Moment | None = None, limit: int = 100
    ) -> Sequence[TenantRequest]:
        """What waits, of all people or of one, oldest first, what is younger than `after`."""
        statement = _all().where(_TABLE.c.state == TenantRequestState.PENDING.value)
        if user_id:
            statement = statement.where(_TABLE.c.user_id == user_uuid(user_id))
        return [
            _request(row) for row in await self._run(rows.oldest(statement, _AGE, after, limit))
        ]


def _all() -> Select[tuple[object, ...]]:
    who = (UserRow.display_name.label("user_name"), UserRow.email.label("user_email"))
    return select(*_TABLE.c, *who).join(UserRow, UserRow.id == _TABLE.c.user_id)


def _request(row: Row) -> TenantRequest:
    return TenantRequest(
        id=str(row.id),
        tenant=row.wanted,
        plan=row.plan_id,
        user_id=str(row.user_id),
        user_name=row.user_name,
        user_email=row.user_email,
        state=TenantRequestState(row.state),
        **{name: getattr(row, name) for name in _SAME},
    )
