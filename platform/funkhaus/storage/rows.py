"""Rows to domain values and back; used by both kinds of transactions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import bindparam, insert, or_, tuple_

from funkhaus.domain.audit import storable
from funkhaus.domain.errors import ConflictError, NotFoundError
from funkhaus.domain.quota import LIMITS, Quota
from funkhaus.domain.restriction import Restriction
from funkhaus.domain.tenant import Deletion, Plan, Suspension, Tenant
from funkhaus.domain.token import Token, TokenKind
from funkhaus.storage.failures import Known, translated
from funkhaus.storage.fixed import Fixed, driver_of
from funkhaus.storage.schema import AuditEntry, PlanRow, TenantRow, TokenRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Executable, Select
    from sqlalchemy.engine import CursorResult
    from sqlalchemy.ext.asyncio import AsyncConnection

    from funkhaus.domain.keyset import Moment
    from funkhaus.ports import AuditRow

Row = Any
"""A result row: its columns are attributes, typed by the statement and not for mypy."""

PLAN = (
    PlanRow.id,
    PlanRow.namespaces,
    PlanRow.tokens,
    *(getattr(PlanRow, name) for name in LIMITS),
    *(getattr(PlanRow, f"tenant_{name}") for name in LIMITS),
)
TENANT = (
    TenantRow.tenant_id,
    TenantRow.plan_id,
    TenantRow.display_name,
    TenantRow.suspended_at,
    TenantRow.suspended_for,
    TenantRow.suspended_by,
    TenantRow.delete_after,
    TenantRow.delete_asked_at,
    TenantRow.delete_asked_by,
    TenantRow.delete_reason,
    TenantRow.delete_by_platform,
)
SUSPENDED = or_(TenantRow.suspended_at.is_not(None), TenantRow.delete_after.is_not(None))
"""Whether a tenant rests, as `Tenant.suspended`."""
TOKEN = (
    TokenRow.id,
    TokenRow.subject_id,
    TokenRow.subject_name,
    TokenRow.kind,
    TokenRow.tenant_id,
    TokenRow.role,
    TokenRow.last_four,
    TokenRow.created_at,
    TokenRow.expires_at,
    TokenRow.revoked_at,
    TokenRow.scopes,
    TokenRow.namespaces,
    TokenRow.cidrs,
    TokenRow.last_used_at,
    TokenRow.issued_by,
)

_AUDITED = (
    "issuer", "sub", "subject", "token_id", "action", "target", "uid", "before", "after", "outcome", "request_id", "detail",
)  # fmt: skip


_AUDIT = Fixed(
    insert(AuditEntry).values({name: bindparam(name) for name in ("tenant_id", *_AUDITED)})
)


class Statements:
    """A transaction's connection; every statement's failure is one of our errors."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def _run(
        self, statement: Executable, values: dict[str, object] | None = None
    ) -> CursorResult[Row]:
        with translated():
            return await self._connection.execute(statement, values)

    async def _row(
        self, statement: Fixed, values: Mapping[str, object], more: Known | None = None
    ) -> Row | None:
        """The first row of a fixed statement; `more` as `translated` takes it."""
        with translated(more):
            return await statement.row(driver_of(self._connection), values)

    async def _insert(self, statement: Executable, taken: str) -> None:
        """Run an insert; a violated uniqueness is a `ConflictError` that says `taken`."""
        try:
            await self._run(statement)
        except ConflictError as error:
            raise ConflictError(taken) from error

    async def _add_token(self, token: Token, digest: bytes) -> None:
        values = {
            "id": UUID(token.id),
            "tenant_id": token.tenant or None,
            "digest": digest,
            "kind": token.kind.value,
            "role": token.role,
            "subject_id": UUID(token.subject_id),
            "subject_name": token.subject_name,
            "last_four": token.last_four,
            "created_at": token.created_at,
            "expires_at": token.expires_at,
            "revoked_at": token.revoked_at,
            "scopes": list(token.restriction.scopes),
            "namespaces": list(token.restriction.namespaces),
            "cidrs": list(token.restriction.cidrs),
            "issued_by": token.issued_by,
        }
        await self._insert(insert(TokenRow).values(values), "there is such a token already")

    async def _audit(self, row: AuditRow) -> None:
        values = {name: storable(getattr(row, name)) for name in _AUDITED}
        values["detail"] = json.dumps(values["detail"])  # the driver takes JSON as text
        await self._row(_AUDIT, {"tenant_id": row.tenant or None, **values})


Age = tuple[Any, Any]
"""The columns a list by age is ordered by: an instant, and an id."""


def newest(
    statement: Select[*tuple[Row, ...]], age: Age, after: Moment | None, limit: int
) -> Select[*tuple[Row, ...]]:
    """`limit` rows, the newest first, those older than `after`."""
    if after:
        statement = statement.where(tuple_(*age) < (after.at, after.id))
    return statement.order_by(*(column.desc() for column in age)).limit(limit)


def oldest(
    statement: Select[*tuple[Row, ...]], age: Age, after: Moment | None, limit: int
) -> Select[*tuple[Row, ...]]:
    """`limit` rows, the oldest first, those younger than `after`."""
    if after:
        statement = statement.where(tuple_(*age) > (after.at, after.id))
    return statement.order_by(*age).limit(limit)


def quota(row: Row, prefix: str = "") -> Quota:
    """The quota columns of a plan, a namespace or a tenant."""
    return Quota(**{name: getattr(row, prefix + name) for name in LIMITS})


def limits(quota: Quota) -> dict[str, int]:
    """A quota as the values of its columns."""
    return {name: getattr(quota, name) for name in LIMITS}


def plan(row: Row) -> Plan:
    """A plan from the columns `PLAN`."""
    return Plan(row.id, row.namespaces, quota(row), quota(row, "tenant_"), row.tokens)


def tenant(row: Row) -> Tenant:
    """A tenant from the columns `TENANT`."""
    suspension = deletion = None
    if row.suspended_at is not None:
        suspension = Suspension(row.suspended_at, row.suspended_for, row.suspended_by)
    if row.delete_after is not None:
        deletion = Deletion(
            asked_at=row.delete_asked_at or row.delete_after,
            asked_by=row.delete_asked_by,
            after=row.delete_after,
            reason=row.delete_reason,
            by_platform=row.delete_by_platform,
        )
    return Tenant(row.tenant_id, row.plan_id, row.display_name, suspension, deletion)


def token(row: Row) -> Token:
    """A token from the columns `TOKEN`."""
    return Token(
        id=str(row.id),
        subject_id=str(row.subject_id),
        subject_name=row.subject_name,
        kind=TokenKind(row.kind),
        tenant=row.tenant_id or "",
        role=row.role,
        last_four=row.last_four,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        restriction=Restriction(tuple(row.scopes), tuple(row.namespaces), tuple(row.cidrs)),
        last_used_at=row.last_used_at,
        issued_by=row.issued_by,
    )


def token_uuid(token_id: str) -> UUID:
    """The key of a token; raises `NotFoundError` for what can't be one."""
    try:
        return UUID(token_id)
    except ValueError as error:
        raise NotFoundError(f"there is no token {token_id!r}") from error
