"""A tenant's tokens; every statement names the tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import func, select, tuple_, update

from funkhaus.domain.errors import NotFoundError
from funkhaus.storage import rows
from funkhaus.storage.schema import TokenRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Update
    from sqlalchemy.ext.asyncio import AsyncConnection

    from funkhaus.domain.token import Token


class PostgresTokens(rows.Statements):
    """`funkhaus.ports.Tokens`."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        super().__init__(connection)
        self._ours = TokenRow.tenant_id == tenant

    async def get(self, token_id: str) -> Token:
        """One token; raises `NotFoundError`."""
        statement = select(*rows.TOKEN).where(self._ours, TokenRow.id == rows.token_uuid(token_id))
        if (row := (await self._run(statement)).one_or_none()) is None:
            raise absent(token_id)
        return rows.token(row)

    async def page(self, *, after: str = "", limit: int = 100) -> Sequence[Token]:
        """Tokens, newest first, those older than the token with the id `after`."""
        statement = select(*rows.TOKEN).where(self._ours)
        if after:
            last = await self.get(after)
            position = tuple_(TokenRow.created_at, TokenRow.id)
            statement = statement.where(position < (last.created_at, UUID(last.id)))
        statement = statement.order_by(TokenRow.created_at.desc(), TokenRow.id.desc()).limit(limit)
        return [rows.token(row) for row in await self._run(statement)]

    async def valid(self, now: datetime) -> int:
        """How many are valid at `now`."""
        row = TokenRow
        count = (
            select(func.count())
            .select_from(row)
            .where(self._ours, row.revoked_at.is_(None), row.expires_at > now)
        )
        return int((await self._run(count)).scalar() or 0)

    async def rotate(
        self,
        token_id: str,
        digest: bytes,
        last_four: str,
        expires_at: datetime,
        old_until: datetime,
        *,
        issued_by: str = "",
    ) -> Token:
        """Give a token another text; raises `NotFoundError`."""
        statement = rotation(token_id, digest, last_four, expires_at, old_until).where(self._ours)
        if issued_by:
            statement = statement.values(issued_by=issued_by)
        if (row := (await self._run(statement.returning(*rows.TOKEN))).one_or_none()) is None:
            raise absent(token_id)
        return rows.token(row)

    def _valid(self, person: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
        return (
            self._ours,
            TokenRow.issued_by == person,
            TokenRow.revoked_at.is_(None),
            TokenRow.expires_at > now,
        )

    async def issued_by(self, person: str, now: datetime, *, limit: int = 200) -> Sequence[Token]:
        """Those valid at `now` that a cluster user issued, or rotated last; newest first."""
        statement = (
            select(*rows.TOKEN)
            .where(*self._valid(person, now))
            .order_by(TokenRow.created_at.desc(), TokenRow.id.desc())
            .limit(limit)
        )
        return [rows.token(row) for row in await self._run(statement)]

    async def revoke_issued(self, person: str, now: datetime) -> int:
        """Revoke all of these; how many that were."""
        statement = update(TokenRow).where(*self._valid(person, now)).values(revoked_at=now)
        return (await self._run(statement)).rowcount

    async def revoke_of(self, subject_id: str, now: datetime) -> int:
        """Revoke all of one subject; how many that were."""
        statement = (
            update(TokenRow)
            .where(
                self._ours, TokenRow.subject_id == UUID(subject_id), TokenRow.revoked_at.is_(None)
            )
            .values(revoked_at=now)
        )
        return (await self._run(statement)).rowcount


def rotation(
    token_id: str, digest: bytes, last_four: str, expires_at: datetime, old_until: datetime
) -> Update:
    """The statement that gives a token another text. One that was revoked in between stays as it is."""
    return (
        update(TokenRow)
        .where(TokenRow.id == rows.token_uuid(token_id), TokenRow.revoked_at.is_(None))
        .values(
            previous_digest=TokenRow.digest,
            previous_until=func.least(old_until, TokenRow.expires_at),
            digest=digest,
            last_four=last_four,
            expires_at=expires_at,
        )
    )


def absent(token_id: str) -> NotFoundError:
    """The error for a token that is not there."""
    return NotFoundError(f"there is no token {token_id!r}, or it was revoked")
