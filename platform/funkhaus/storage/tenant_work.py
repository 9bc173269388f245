"""One transaction inside one tenant. Every statement here names the tenant; nothing here can leave it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select, update

from funkhaus.domain.errors import NotFoundError
from funkhaus.domain.tenant import Namespace
from funkhaus.storage import rows
from funkhaus.storage.approvals import PostgresApprovals
from funkhaus.storage.audit import PostgresAuditTrail
from funkhaus.storage.builds import PostgresBuilds
from funkhaus.storage.hosts import PostgresHosts
from funkhaus.storage.ledger import PostgresLedger
from funkhaus.storage.lifecycle import PostgresLifecycle
from funkhaus.storage.members import PostgresMembers
from funkhaus.storage.quota_requests import PostgresQuotaRequests
from funkhaus.storage.schema import (
    NamespaceRow,
    OutboxEntry,
    PlanRow,
    QuotaRow,
    TenantRow,
    TokenRow,
)
from funkhaus.storage.service_accounts import PostgresServiceAccounts
from funkhaus.storage.tokens import PostgresTokens

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy import Select
    from sqlalchemy.ext.asyncio import AsyncConnection

    from funkhaus.domain.tenant import Plan, Tenant
    from funkhaus.domain.token import Token
    from funkhaus.ports import AuditRow, Manifest
    from funkhaus.storage.rows import Row


class PostgresTenantWork(rows.Statements):
    """`funkhaus.ports.TenantWork`."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        super().__init__(connection)
        self._tenant = tenant

    @property
    def members(self) -> PostgresMembers:
        """Who belongs to the tenant, and who is asked to."""
        return PostgresMembers(self._connection, self._tenant)

    @property
    def ledger(self) -> PostgresLedger:
        """The tenant's books."""
        return PostgresLedger(self._connection, self._tenant)

    @property
    def builds(self) -> PostgresBuilds:
        """Which builds the tenant began."""
        return PostgresBuilds(self._connection, self._tenant)

    @property
    def hosts(self) -> PostgresHosts:
        """Which hosts the tenant's triggers hold."""
        return PostgresHosts(self._connection, self._tenant)

    @property
    def approvals(self) -> PostgresApprovals:
        """The tenant's approvals."""
        return PostgresApprovals(self._connection, self._tenant)

    @property
    def quota_requests(self) -> PostgresQuotaRequests:
        """The tenant's requests for more quota."""
        return PostgresQuotaRequests(self._connection, self._tenant)

    @property
    def tokens(self) -> PostgresTokens:
        """The tenant's tokens."""
        return PostgresTokens(self._connection, self._tenant)

    @property
    def service_accounts(self) -> PostgresServiceAccounts:
        """The tenant's service accounts."""
        return PostgresServiceAccounts(self._connection, self._tenant)

    @property
    def lifecycle(self) -> PostgresLifecycle:
        """The tenant's standing."""
        return PostgresLifecycle(self._connection, self._tenant)

    async def tenant(self) -> Tenant:
        """The tenant; raises `NotFoundError`."""
        return rows.tenant(await self._tenant_row(self._select_tenant()))

    async def lock(self) -> None:
        """Be the tenant's only writer until the transaction ends; raises `NotFoundError`."""
        # Not its key: a row of the audit log, which refers to it, is written by who holds the books and waits for nobody.
        await self._tenant_row(self._select_tenant().with_for_update(key_share=True))

    def _select_tenant(self) -> Select[*tuple[Row, ...]]:
        return select(*rows.TENANT).where(
            TenantRow.tenant_id == self._tenant, TenantRow.deleted_at.is_(None)
        )

    async def _tenant_row(self, statement: Select[*tuple[Row, ...]]) -> Row:
        if (row := (await self._run(statement)).one_or_none()) is None:
            raise NotFoundError(f"there is no tenant {self._tenant!r}")
        return row

    async def plan(self) -> Plan:
        """The tenant's plan."""
        statement = (
            select(*rows.PLAN)
            .join(TenantRow, TenantRow.plan_id == PlanRow.id)
            .where(TenantRow.tenant_id == self._tenant)
        )
        return rows.plan(await self._tenant_row(statement))

    async def set_plan(self, plan_id: str) -> None:
        """Have another plan; raises `ConflictError` for one there isn't."""
        await self._run(
            update(TenantRow).where(TenantRow.tenant_id == self._tenant).values(plan_id=plan_id)
        )

    def _select_namespaces(self) -> Select[*tuple[Row, ...]]:
        return (
            select(
                NamespaceRow.name, NamespaceRow.adopted, QuotaRow, rows.SUSPENDED.label("suspended")
            )
            .join(TenantRow, TenantRow.tenant_id == NamespaceRow.tenant_id)
            .join(
                QuotaRow,
                (QuotaRow.tenant_id == NamespaceRow.tenant_id)
                & (QuotaRow.namespace == NamespaceRow.name),
            )
            .where(NamespaceRow.tenant_id == self._tenant, NamespaceRow.deleted_at.is_(None))
            .order_by(NamespaceRow.name)
        )

    def _namespace(self, row: Row) -> Namespace:
        return Namespace(self._tenant, row.name, rows.quota(row), row.suspended, row.adopted)

    async def namespaces(self) -> Sequence[Namespace]:
        """All namespaces, by name; a plan bounds how many there are."""
        return [self._namespace(row) for row in await self._run(self._select_namespaces())]

    async def namespace_page(
        self, *, after: str = "", limit: int = 100, among: Collection[str] = ()
    ) -> Sequence[Namespace]:
        """Namespaces by name, those behind `after`; of those named where any are."""
        statement = self._select_namespaces().where(NamespaceRow.name > after).limit(limit)
        if among:
            statement = statement.where(NamespaceRow.name.in_(among))
        return [self._namespace(row) for row in await self._run(statement)]

    async def namespace(self, name: str) -> Namespace:
        """One namespace; raises `NotFoundError`."""
        statement = self._select_namespaces().where(NamespaceRow.name == name)
        if (row := (await self._run(statement)).one_or_none()) is None:
            raise NotFoundError(_no_namespace(name))
        return self._namespace(row)

    async def add_namespace(self, namespace: Namespace) -> None:
        """Insert with its quota; raises `ConflictError` when the name is or was taken."""
        self._must_be_ours(namespace.tenant)
        await self._insert(
            insert(NamespaceRow).values(
                tenant_id=self._tenant,
                name=namespace.name,
                cluster_name=namespace.cluster_name,
                adopted=namespace.adopted,
            ),
            f"namespace {namespace.name!r} exists, or existed: a name is given out once",
        )
        await self._run(
            insert(QuotaRow).values(
                tenant_id=self._tenant,
                namespace=namespace.name,
                **rows.limits(namespace.quota),
            )
        )

    async def remove_namespace(self, name: str) -> None:
        """Mark as deleted; raises `NotFoundError`."""
        done = await self._run(
            update(NamespaceRow)
            .where(
                NamespaceRow.tenant_id == self._tenant,
                NamespaceRow.name == name,
                NamespaceRow.deleted_at.is_(None),
            )
            .values(deleted_at=func.now())
        )
        if not done.rowcount:
            raise NotFoundError(_no_namespace(name))

    async def add_token(self, token: Token, digest: bytes) -> None:
        """Insert a token by the keyed digest of its text."""
        self._must_be_ours(token.tenant)
        await self._add_token(token, digest)

    async def revoke_token(self, token_id: str, now: datetime) -> Token:
        """Revoke; already revoked stays as it was; raises `NotFoundError`."""
        statement = (
            update(TokenRow)
            .where(TokenRow.tenant_id == self._tenant, TokenRow.id == rows.token_uuid(token_id))
            .values(revoked_at=func.coalesce(TokenRow.revoked_at, now))
            .returning(*rows.TOKEN)
        )
        if (row := (await self._run(statement)).one_or_none()) is None:
            raise NotFoundError(f"there is no token {token_id!r}")
        return rows.token(row)

    async def enqueue(self, manifest: Manifest, *, gone: bool = False) -> None:
        """Put a cluster change into the outbox, in this transaction."""
        meta = manifest["metadata"]
        await self._run(
            insert(OutboxEntry).values(
                tenant_id=self._tenant,
                object=f"{manifest['kind']}/{meta.get('namespace', '')}/{meta['name']}",
                manifest=manifest,
                gone=gone,
            )
        )

    async def audit(self, row: AuditRow) -> None:
        """Append an audit row, in this transaction."""
        self._must_be_ours(row.tenant)
        await self._audit(row)

    @property
    def audit_trail(self) -> PostgresAuditTrail:
        """The tenant's audit log."""
        return PostgresAuditTrail(self._connection, self._tenant)

    def _must_be_ours(self, tenant: str) -> None:
        if tenant != self._tenant:
            raise ValueError(f"a row of tenant {tenant!r} in a transaction of {self._tenant!r}")


def _no_namespace(name: str) -> str:
    return f"there is no namespace {name!r}"
