"""A tenant's standing on Postgres; every statement names the tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, tuple_, update

from funkhaus.ports.lifecycle import Belonging
from funkhaus.storage import rows
from funkhaus.storage.schema import (
    ApprovalCheckRow,
    ApprovalRow,
    BuildRow,
    ChargeRow,
    DecisionRow,
    HostSuffix,
    InvitationRow,
    MemberRow,
    NotificationRow,
    OutboxEntry,
    OverrideRow,
    QuotaRequestRow,
    QuotaRow,
    ServiceAccountRow,
    Table,
    TenantQuotaRow,
    TenantRow,
    TokenRow,
)

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from funkhaus.domain.tenant import Deletion, Suspension


_TABLES: dict[Belonging, type[Table]] = {
    Belonging.INVITATIONS: InvitationRow,
    Belonging.MEMBERS: MemberRow,
    Belonging.SERVICE_ACCOUNTS: ServiceAccountRow,
    Belonging.QUOTA_REQUESTS: QuotaRequestRow,
    Belonging.APPROVALS: ApprovalRow,
    Belonging.APPROVAL_CHECKS: ApprovalCheckRow,
    Belonging.NOTIFICATIONS: NotificationRow,
    Belonging.OVERRIDE: OverrideRow,
    Belonging.HOST_SUFFIXES: HostSuffix,
    Belonging.DECISIONS: DecisionRow,
    Belonging.BUILDS: BuildRow,
    Belonging.CHARGES: ChargeRow,
    Belonging.QUOTAS: QuotaRow,
    Belonging.TENANT_QUOTA: TenantQuotaRow,
}


class PostgresLifecycle(rows.Statements):
    """`funkhaus.ports.Lifecycle`."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        super().__init__(connection)
        self._tenant = tenant

    async def suspend(self, suspension: Suspension | None) -> None:
        """Have it rest, or work again."""
        await self._set(
            suspended_at=suspension.at if suspension else None,
            suspended_for=suspension.reason if suspension else "",
            suspended_by=suspension.by if suspension else "",
        )

    async def doom(self, deletion: Deletion | None) -> None:
        """Have it go at the deletion's time, or stay."""
        await self._set(
            delete_after=deletion.after if deletion else None,
            delete_asked_at=deletion.asked_at if deletion else None,
            delete_asked_by=deletion.asked_by if deletion else "",
            delete_reason=deletion.reason if deletion else "",
            delete_by_platform=deletion.by_platform if deletion else False,
        )

    async def _set(self, **values: Any) -> None:  # noqa: ANN401 - column values
        await self._run(
            update(TenantRow).where(TenantRow.tenant_id == self._tenant).values(**values)
        )

    async def revoke_tokens(self, now: datetime, *, limit: int) -> int:
        """Revoke some that are not revoked yet; how many."""
        some = (
            select(TokenRow.id)
            .where(TokenRow.tenant_id == self._tenant, TokenRow.revoked_at.is_(None))
            .limit(limit)
        )
        statement = update(TokenRow).where(TokenRow.id.in_(some)).values(revoked_at=now)
        return (await self._run(statement)).rowcount

    async def forget(self, what: Belonging, *, limit: int) -> int:
        """Delete some rows; how many."""
        row = _TABLES[what]
        key, columns = list(row.__table__.primary_key), row.__table__.c
        some = select(*key).where(columns.tenant_id == self._tenant).limit(limit)
        return (await self._run(delete(row).where(tuple_(*key).in_(some)))).rowcount

    async def outstanding(self) -> bool:
        """Whether the outbox holds anything of the tenant's."""
        ours = OutboxEntry.tenant_id == self._tenant
        statement = select(OutboxEntry.sequence).where(ours).limit(1)
        return (await self._run(statement)).one_or_none() is not None

    async def bury(self, now: datetime) -> None:
        """Leave nothing but the id."""
        await self._set(deleted_at=now, display_name="")
