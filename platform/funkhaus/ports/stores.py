"""The port to the database: transactions, and what can be done in one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from funkhaus.domain.tenant import Namespace, Plan, Tenant
    from funkhaus.domain.token import Token
    from funkhaus.ports.approvals import Approvals, PlatformApprovals
    from funkhaus.ports.audit import AuditChains, AuditTrail
    from funkhaus.ports.bearers import Bearers
    from funkhaus.ports.builds import Builds
    from funkhaus.ports.decisions import Decisions
    from funkhaus.ports.hosts import Hosts, PlatformHosts
    from funkhaus.ports.idempotency import IdempotencyKeys
    from funkhaus.ports.ledger import Ledger, PlatformLedger
    from funkhaus.ports.lifecycle import Lifecycle
    from funkhaus.ports.logins import Logins
    from funkhaus.ports.lookups import Lookups
    from funkhaus.ports.members import Members
    from funkhaus.ports.notifications import Notifications
    from funkhaus.ports.policies import Policies
    from funkhaus.ports.quota_requests import PlatformQuotaRequests, QuotaRequests
    from funkhaus.ports.service_accounts import ServiceAccounts
    from funkhaus.ports.sessions import Sessions
    from funkhaus.ports.tenant_requests import TenantRequests
    from funkhaus.ports.tokens import Tokens
    from funkhaus.ports.users import Users
    from funkhaus.ports.world import Manifest


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Who did what, with which outcome. `tenant` is empty for platform-wide acts; the fields are those of
    `funkhaus.domain.audit.Entry`.
    """

    tenant: str
    subject: str
    token_id: str
    action: str
    target: str
    outcome: str
    request_id: str
    detail: Manifest
    issuer: str = ""
    sub: str = ""
    uid: str = ""
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """A manifest to apply (or, with `gone`, an object to delete) in the cluster, in the order of `sequence`.

    `attempts` counts deliveries that failed.
    """

    sequence: int
    manifest: Manifest
    gone: bool
    queued_at: datetime
    attempts: int = 0


class TenantWork(Protocol):
    """One transaction inside one tenant; it commits when its block ends without an exception.

    Reading or writing another tenant's rows through it is impossible: every query carries the tenant.
    """

    @property
    def members(self) -> Members:
        """Who belongs to the tenant, and who is asked to."""

    @property
    def ledger(self) -> Ledger:
        """The tenant's books."""

    @property
    def builds(self) -> Builds:
        """Which builds the tenant began."""

    @property
    def hosts(self) -> Hosts:
        """Which hosts the tenant's triggers hold."""

    @property
    def approvals(self) -> Approvals:
        """The tenant's approvals."""

    @property
    def quota_requests(self) -> QuotaRequests:
        """The tenant's requests for more quota."""

    @property
    def lifecycle(self) -> Lifecycle:
        """The tenant's standing."""

    async def tenant(self) -> Tenant:
        """The tenant; raises `NotFoundError`."""

    async def plan(self) -> Plan:
        """The tenant's plan."""

    async def set_plan(self, plan_id: str) -> None:
        """Have another plan; nothing else follows by itself. The tenant is locked; raises `ConflictError` for none such."""

    async def lock(self) -> None:
        """Be the tenant's only writer until the transaction ends: for check, then write. Raises `NotFoundError`."""

    async def namespaces(self) -> Sequence[Namespace]:
        """All namespaces, by name; the plan bounds how many there are."""

    async def namespace_page(
        self, *, after: str = "", limit: int = 100, among: Collection[str] = ()
    ) -> Sequence[Namespace]:
        """Namespaces by name, those behind `after`; of those named where any are."""

    async def namespace(self, name: str) -> Namespace:
        """One namespace; raises `NotFoundError`."""

    async def add_namespace(self, namespace: Namespace) -> None:
        """Insert; raises `ConflictError` when the name is taken (also by a deleted one)."""

    async def remove_namespace(self, name: str) -> None:
        """Mark as deleted; raises `NotFoundError`."""

    async def add_token(self, token: Token, digest: bytes) -> None:
        """Insert a token by the keyed digest of its text."""

    @property
    def tokens(self) -> Tokens:
        """The tenant's tokens."""

    @property
    def service_accounts(self) -> ServiceAccounts:
        """The tenant's service accounts."""

    async def revoke_token(self, token_id: str, now: datetime) -> Token:
        """Revoke; already revoked stays as it was; raises `NotFoundError`."""

    async def enqueue(self, manifest: Manifest, *, gone: bool = False) -> None:
        """Put a cluster change into the outbox, in this transaction."""

    async def audit(self, row: AuditRow) -> None:
        """Append an audit row, in this transaction."""

    @property
    def audit_trail(self) -> AuditTrail:
        """The tenant's audit log."""


class PlatformWork(Protocol):
    """One transaction across tenants: a different type, so that crossing is conspicuous."""

    @property
    def sessions(self) -> Sessions:
        """Sessions of people who signed in."""

    @property
    def users(self) -> Users:
        """Users, their sessions and roles."""

    @property
    def idempotency(self) -> IdempotencyKeys:
        """What is kept under Idempotency-Keys."""

    @property
    def logins(self) -> Logins:
        """Sign-ins under way."""

    @property
    def ledger(self) -> PlatformLedger:
        """All books."""

    @property
    def policies(self) -> Policies:
        """Policy sets and which is in force."""

    @property
    def decisions(self) -> Decisions:
        """What the policy engine answered."""

    @property
    def hosts(self) -> PlatformHosts:
        """All hosts."""

    @property
    def approvals(self) -> PlatformApprovals:
        """All approvals."""

    @property
    def notifications(self) -> Notifications:
        """What waits to be told."""

    @property
    def quota_requests(self) -> PlatformQuotaRequests:
        """All requests for more quota."""

    @property
    def tenant_requests(self) -> TenantRequests:
        """All requests for tenants."""

    async def add_tenant(self, tenant: Tenant) -> None:
        """Insert; raises `ConflictError` (ids are never reused)."""

    async def tenants(self, *, after: str = "", limit: int = 100) -> Sequence[Tenant]:
        """Tenants by id, keyset-paged."""

    async def doomed(self, now: datetime, *, limit: int = 50) -> Sequence[str]:
        """Ids of tenants whose deletion is due, longest due first."""

    async def plan(self, plan_id: str) -> Plan:
        """One plan; raises `NotFoundError`."""

    async def plans(self) -> Sequence[Plan]:
        """All plans, by id."""

    @property
    def bearers(self) -> Bearers:
        """Who holds a credential."""

    async def add_platform_token(self, token: Token, digest: bytes) -> None:
        """Insert an admin token."""

    async def revoke_platform_token(self, token_id: str, now: datetime) -> Token:
        """Revoke any token; raises `NotFoundError`."""

    async def outbox(self, now: datetime, *, limit: int = 20) -> Sequence[OutboxItem]:
        """The oldest undelivered item of each object that is due, locked for this transaction (locked ones skipped).

        An object's later items wait for its earlier ones, in every process.
        """

    async def oldest_outbox_item(self) -> datetime | None:
        """When the oldest undelivered item was put in, or ``None``."""

    async def delivered(self, sequence: int) -> None:
        """Forget an outbox item."""

    async def postpone(self, sequence: int, error: str, until: datetime) -> None:
        """Try an outbox item again, not before `until`."""

    async def audit(self, row: AuditRow) -> None:
        """Append an audit row."""

    @property
    def audit_trail(self) -> AuditTrail:
        """The audit log of what is no tenant's."""

    @property
    def audit_chains(self) -> AuditChains:
        """The chains of all audit logs."""


class Stores(Protocol):
    """Where transactions begin, and what is looked up without one."""

    @property
    def lookups(self) -> Lookups:
        """What is asked with every request."""

    def begin(self, tenant: str) -> AbstractAsyncContextManager[TenantWork]:
        """A transaction inside `tenant`. Raises `UnavailableError` when the database does not answer."""

    def begin_platform(self) -> AbstractAsyncContextManager[PlatformWork]:
        """A transaction across tenants."""

    async def warm(self) -> None:
        """Do beforehand what would make the first who come wait; raises `UnavailableError`."""

    async def ready(self) -> None:
        """Pass if the database answers; raises `UnavailableError` or `SchemaMismatchError`."""
