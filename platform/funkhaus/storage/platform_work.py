"""One transaction across tenants. What is here is everything that may look over the fence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, func, insert, or_, select, update
from sqlalchemy.orm import aliased

from funkhaus.domain.audit import PLATFORM
from funkhaus.domain.errors import NotFoundError
from funkhaus.ports import OutboxItem
from funkhaus.storage import rows
from funkhaus.storage.approvals import PostgresPlatformApprovals
from funkhaus.storage.audit import PostgresAuditChains, PostgresAuditTrail
from funkhaus.storage.bearers import PostgresBearers
from funkhaus.storage.decisions import PostgresDecisions
from funkhaus.storage.hosts import PostgresPlatformHosts
from funkhaus.storage.idempotency import PostgresIdempotencyKeys
from funkhaus.storage.ledger import PostgresPlatformLedger
from funkhaus.storage.logins import PostgresLogins
from funkhaus.storage.notifications import PostgresNotifications
from funkhaus.storage.policies import PostgresPolicies
from funkhaus.storage.quota_requests import PostgresPlatformQuotaRequests
from funkhaus.storage.schema import (
    OutboxEntry,
    PlanRow,
    TenantQuotaRow,
    TenantRow,
    TokenRow,
)
from funkhaus.storage.sessions import PostgresSessions
from funkhaus.storage.tenant_requests import PostgresTenantRequests
from funkhaus.storage.users import PostgresUsers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from funkhaus.domain.tenant import Plan, Tenant
    from funkhaus.domain.token import Token
    from funkhaus.ports import AuditRow

ERROR_LIMIT = 1000


class PostgresPlatformWork(rows.Statements):
    """`funkhaus.ports.PlatformWork`."""

    @property
    def users(self) -> PostgresUsers:
        """Users and their roles."""
        return PostgresUsers(self._connection)

    @property
    def sessions(self) -> PostgresSessions:
        """Sessions of people who signed in."""
        return PostgresSessions(self._connection)

    @property
    def idempotency(self) -> PostgresIdempotencyKeys:
        """What is kept under Idempotency-Keys."""
        return PostgresIdempotencyKeys(self._connection)

    @property
    def logins(self) -> PostgresLogins:
        """Sign-ins under way."""
        return PostgresLogins(self._connection)

    @property
    def ledger(self) -> PostgresPlatformLedger:
        """All books."""
        return PostgresPlatformLedger(self._connection)

    @property
    def policies(self) -> PostgresPolicies:
        """Policy sets and which is in force."""
        return PostgresPolicies(self._connection)

    @property
    def decisions(self) -> PostgresDecisions:
        """What the policy engine answered."""
        return PostgresDecisions(self._connection)

    @property
    def hosts(self) -> PostgresPlatformHosts:
        """All hosts."""
        return PostgresPlatformHosts(self._connection)

    @property
    def approvals(self) -> PostgresPlatformApprovals:
        """All approvals."""
        return PostgresPlatformApprovals(self._connection)

    @property
    def notifications(self) -> PostgresNotifications:
        """What waits to be told."""
        return PostgresNotifications(self._connection)

    @property
    def quota_requests(self) -> PostgresPlatformQuotaRequests:
        """All requests for more quota."""
        return PostgresPlatformQuotaRequests(self._connection)

    @property
    def tenant_requests(self) -> PostgresTenantRequests:
        """All requests for tenants."""
        return PostgresTenantRequests(self._connection)

    @property
    def bearers(self) -> PostgresBearers:
        """Who holds a credential."""
        return PostgresBearers(self._connection)

    async def add_tenant(self, tenant: Tenant) -> None:
        """Insert; raises `ConflictError` (ids are never reused), `NotFoundError` for a plan that isn't there."""
        plan = await self.plan(tenant.plan)
        await self._insert(
            insert(TenantRow).values(
                tenant_id=tenant.id, plan_id=tenant.plan, display_name=tenant.display_name
            ),
            f"tenant {tenant.id!r} exists, or existed: an id is given out once",
        )
        await self._run(
            insert(TenantQuotaRow).values(tenant_id=tenant.id, **rows.limits(plan.tenant_quota))
        )

    async def tenants(self, *, after: str = "", limit: int = 100) -> Sequence[Tenant]:
        """Tenants by id, keyset-paged."""
        statement = (
            select(*rows.TENANT)
            .where(TenantRow.tenant_id > after, TenantRow.deleted_at.is_(None))
            .order_by(TenantRow.tenant_id)
            .limit(limit)
        )
        return [rows.tenant(row) for row in await self._run(statement)]

    async def doomed(self, now: datetime, *, limit: int = 50) -> Sequence[str]:
        """Ids of tenants whose deletion is due, longest due first."""
        statement = (
            select(TenantRow.tenant_id)
            .where(TenantRow.delete_after <= now, TenantRow.deleted_at.is_(None))
            .order_by(TenantRow.delete_after, TenantRow.tenant_id)
            .limit(limit)
        )
        return [row.tenant_id for row in await self._run(statement)]

    async def plan(self, plan_id: str) -> Plan:
        """One plan; raises `NotFoundError`."""
        statement = select(*rows.PLAN).where(PlanRow.id == plan_id)
        if (row := (await self._run(statement)).one_or_none()) is None:
            raise NotFoundError(f"there is no plan {plan_id!r}")
        return rows.plan(row)

    async def plans(self) -> Sequence[Plan]:
        """All plans, by id."""
        return [rows.plan(row) for row in await self._run(select(*rows.PLAN).order_by(PlanRow.id))]

    async def add_platform_token(self, token: Token, digest: bytes) -> None:
        """Insert an admin token."""
        if token.tenant or token.role:
            raise ValueError("a platform token has neither tenant nor role")
        await self._add_token(token, digest)

    async def revoke_platform_token(self, token_id: str, now: datetime) -> Token:
        """Revoke any token; raises `NotFoundError`."""
        statement = (
            update(TokenRow)
            .where(TokenRow.id == rows.token_uuid(token_id))
            .values(revoked_at=func.coalesce(TokenRow.revoked_at, now))
            .returning(*rows.TOKEN)
        )
        if (row := (await self._run(statement)).one_or_none()) is None:
            raise NotFoundError(f"there is no token {token_id!r}")
        return rows.token(row)

    async def outbox(self, now: datetime, *, limit: int = 20) -> Sequence[OutboxItem]:
        """The oldest undelivered item of each object that is due, locked; those locked elsewhere are skipped."""
        earlier = aliased(OutboxEntry)
        statement = (
            select(
                OutboxEntry.sequence,
                OutboxEntry.manifest,
                OutboxEntry.gone,
                OutboxEntry.queued_at,
                OutboxEntry.attempts,
            )
            .where(
                or_(OutboxEntry.not_before.is_(None), OutboxEntry.not_before <= now),
                ~exists().where(
                    earlier.object == OutboxEntry.object, earlier.sequence < OutboxEntry.sequence
                ),
            )
            .order_by(OutboxEntry.sequence)
            .limit(limit)
            .with_for_update(skip_locked=True, of=OutboxEntry)
        )
        return [
            OutboxItem(row.sequence, row.manifest, row.gone, row.queued_at, row.attempts)
            for row in await self._run(statement)
        ]

    async def oldest_outbox_item(self) -> datetime | None:
        """When the oldest undelivered item was put in, or ``None``."""
        found: datetime | None = (await self._run(select(func.min(OutboxEntry.queued_at)))).scalar()
        return found

    async def delivered(self, sequence: int) -> None:
        """Forget an outbox item."""
        await self._run(delete(OutboxEntry).where(OutboxEntry.sequence == sequence))

    async def postpone(self, sequence: int, error: str, until: datetime) -> None:
        """Try an outbox item again, not before `until`."""
        await self._run(
            update(OutboxEntry)
            .where(OutboxEntry.sequence == sequence)
            .values(
                attempts=OutboxEntry.attempts + 1,
                last_error=error[:ERROR_LIMIT],
                not_before=until,
            )
        )

    async def audit(self, row: AuditRow) -> None:
        """Append an audit row."""
        await self._audit(row)

    @property
    def audit_trail(self) -> PostgresAuditTrail:
        """The audit log of what is no tenant's."""
        return PostgresAuditTrail(self._connection, PLATFORM)

    @property
    def audit_chains(self) -> PostgresAuditChains:
        """The chains of all audit logs."""
        return PostgresAuditChains(self._connection)
