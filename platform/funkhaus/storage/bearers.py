"""Credentials of all tenants, by the keyed digest of their text."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update

from funkhaus.domain.errors import TooManyError
from funkhaus.domain.token import KUBECTL_LIMIT, KubectlCredential, TokenKind
from funkhaus.ports.bearers import Bearer
from funkhaus.storage import rows
from funkhaus.storage.schema import KubectlCredentialRow, TenantRow, TokenRow
from funkhaus.storage.tokens import absent, rotation

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Select

    from funkhaus.domain.keyset import Moment
    from funkhaus.domain.token import Token


def holders() -> Select[*tuple[rows.Row, ...]]:
    """Tokens, but those of a tenant that is gone."""
    return (
        select(*rows.TOKEN, rows.SUSPENDED.label("suspended"))
        .outerjoin(TenantRow, TenantRow.tenant_id == TokenRow.tenant_id)
        .where(TenantRow.deleted_at.is_(None))
    )


def bearer(row: rows.Row) -> Bearer:
    """A row of `holders`."""
    return Bearer(rows.token(row), bool(row.suspended))


class PostgresBearers(rows.Statements):
    """`funkhaus.ports.Bearers`."""

    async def holder(self, token_id: str) -> Bearer | None:
        """The token with this id."""
        statement = holders().where(TokenRow.id == UUID(token_id))
        row = (await self._run(statement)).one_or_none()
        return None if row is None else bearer(row)

    async def suspended(self, tenants: Collection[str]) -> frozenset[str]:
        """Which of these tenants are suspended."""
        if not tenants:
            return frozenset()
        statement = select(TenantRow.tenant_id).where(
            TenantRow.tenant_id.in_(tenants), rows.SUSPENDED
        )
        return frozenset(row.tenant_id for row in await self._run(statement))

    async def gone(self, tenants: Collection[str]) -> frozenset[str]:
        """Which of these tenants were deleted for good."""
        if not tenants:
            return frozenset()
        statement = select(TenantRow.tenant_id).where(
            TenantRow.tenant_id.in_(tenants), TenantRow.deleted_at.is_not(None)
        )
        return frozenset(row.tenant_id for row in await self._run(statement))

    async def touch(self, uses: Mapping[str, datetime]) -> None:
        """Note when tokens, by id, were last used."""
        for token_id, at in sorted(
            uses.items()
        ):  # one order for all processes: no two wait for each other
            await self._run(
                update(TokenRow)
                .where(TokenRow.id == UUID(token_id))
                .values(last_used_at=func.greatest(TokenRow.last_used_at, at))
            )

    async def rotate(
        self,
        token_id: str,
        digest: bytes,
        last_four: str,
        expires_at: datetime,
        old_until: datetime,
    ) -> Token:
        """Give any token another text; raises `NotFoundError`."""
        statement = rotation(token_id, digest, last_four, expires_at, old_until)
        if (row := (await self._run(statement.returning(*rows.TOKEN))).one_or_none()) is None:
            raise absent(token_id)
        return rows.token(row)

    async def of_admins(self, *, after: Moment | None = None, limit: int = 100) -> Sequence[Token]:
        """Platform admins' tokens, newest first, ended ones too, those older than `after`."""
        statement = select(*rows.TOKEN).where(TokenRow.tenant_id.is_(None))
        age = (TokenRow.created_at, TokenRow.id)
        return [
            rows.token(row) for row in await self._run(rows.newest(statement, age, after, limit))
        ]

    async def revoke_of_admin(self, token_id: str, now: datetime) -> Token:
        """Revoke a platform admin's; already revoked stays as it was; raises `NotFoundError`, also for a tenant's."""
        statement = (
            update(TokenRow)
            .where(TokenRow.tenant_id.is_(None), TokenRow.id == rows.token_uuid(token_id))
            .values(revoked_at=func.coalesce(TokenRow.revoked_at, now))
            .returning(*rows.TOKEN)
        )
        if (row := (await self._run(statement)).one_or_none()) is None:
            raise absent(token_id)
        return rows.token(row)

    async def add_kubectl(
        self, credential: KubectlCredential, digest: bytes, now: datetime
    ) -> None:
        """Insert a credential for kubectl, and drop those of the same parent that ended; raises `TooManyError`."""
        row, parent = KubectlCredentialRow, UUID(credential.parent_id)
        await self._run(delete(row).where(row.parent_id == parent, row.expires_at <= now))
        count = select(func.count()).select_from(row).where(row.parent_id == parent)
        if ((await self._run(count)).scalar() or 0) >= KUBECTL_LIMIT:
            raise TooManyError(
                f"{KUBECTL_LIMIT} kubectl credentials of this token are valid already; each lives ten minutes"
            )
        await self._run(
            insert(row).values(
                digest=digest,
                parent_id=parent,
                parent_kind=credential.parent_kind.value,
                expires_at=credential.expires_at,
            )
        )

    async def forget_kubectl(self, before: datetime, *, limit: int = 200) -> int:
        """Delete credentials for kubectl that ended before, some at a time; how many that were."""
        row = KubectlCredentialRow
        ended = select(row.digest).where(row.expires_at < before).limit(limit)
        return (await self._run(delete(row).where(row.digest.in_(ended)))).rowcount

    async def find_kubectl(self, digest: bytes) -> KubectlCredential | None:
        """The credential with this digest, valid or not."""
        row = KubectlCredentialRow
        statement = select(row.parent_id, row.parent_kind, row.expires_at).where(
            row.digest == digest
        )
        if (found := (await self._run(statement)).one_or_none()) is None:
            return None
        return KubectlCredential(
            str(found.parent_id), TokenKind(found.parent_kind), found.expires_at
        )
