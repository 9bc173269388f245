"""Idempotency-Keys on Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from funkhaus.domain.idempotency import Kept
from funkhaus.storage import rows
from funkhaus.storage.schema import IdempotencyRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from funkhaus.domain.idempotency import Claim


class PostgresIdempotencyKeys(rows.Statements):
    """`funkhaus.ports.IdempotencyKeys`."""

    async def claim(self, claim: Claim, now: datetime) -> Kept | None:
        """Take the key, or tell what is there; of two at once the second waits for the first."""
        values = {
            "fingerprint": claim.fingerprint,
            "owner": UUID(claim.owner),
            "held_until": claim.held_until,
            "expires_at": claim.expires_at,
            "status": 0,
            "content_type": "",
            "body": b"",
            "withheld": False,
        }
        statement = (
            insert(IdempotencyRow)
            .values(key=claim.key, **values)
            .on_conflict_do_update(
                index_elements=[IdempotencyRow.key],
                set_=values,
                where=or_(
                    IdempotencyRow.expires_at <= now,
                    (IdempotencyRow.status == 0) & (IdempotencyRow.held_until <= now),
                ),
            )
            .returning(IdempotencyRow.owner)
        )
        if (await self._run(statement)).one_or_none() is not None:
            return None
        found = select(
            IdempotencyRow.fingerprint,
            IdempotencyRow.status,
            IdempotencyRow.content_type,
            IdempotencyRow.body,
            IdempotencyRow.withheld,
        ).where(IdempotencyRow.key == claim.key)
        row = (await self._run(found)).one_or_none()
        if (
            row is None
        ):  # released between the two statements: as good as in flight, the asker tries again
            return Kept(claim.fingerprint)
        return Kept(row.fingerprint, row.status, row.content_type, row.body, row.withheld)

    async def finish(self, claim: Claim, kept: Kept) -> None:
        """Keep the answer, if the claim is still ours."""
        await self._run(
            update(IdempotencyRow)
            .where(_ours(claim))
            .values(
                status=kept.status,
                content_type=kept.content_type,
                body=kept.body,
                withheld=kept.withheld,
            )
        )

    async def release(self, claim: Claim) -> None:
        """Give the key back, if the claim is still ours."""
        await self._run(delete(IdempotencyRow).where(_ours(claim)))

    async def sweep(self, now: datetime, *, limit: int = 50) -> int:
        """Forget at most `limit` expired ones; what another transaction holds is left to it."""
        old = (
            select(IdempotencyRow.key)
            .where(IdempotencyRow.expires_at <= now)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        gone = await self._run(delete(IdempotencyRow).where(IdempotencyRow.key.in_(old)))
        return int(gone.rowcount)


def _ours(claim: Claim) -> ColumnElement[bool]:
    return (IdempotencyRow.key == claim.key) & (IdempotencyRow.owner == UUID(claim.owner))
