"""`MemoryStores`: the port `Stores` without a database.

A transaction works on a copy that replaces the state when it ends well.
"""

from __future__ import annotations

import asyncio
import copy
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from funkhaus.domain.errors import ConflictError, NotFoundError
from funkhaus.domain.tenant import Namespace, NamespaceQuota, Plan, Tenant
from funkhaus.ports import OutboxItem

from .approvals import MemoryApprovals, MemoryNotifications, MemoryPlatformApprovals, Told
from .audit import MemoryAuditChains, MemoryAuditTrail, Trails, append
from .build_counts import MemoryBuilds
from .decisions import MemoryDecisions
from .hosts import MemoryHosts, MemoryPlatformHosts
from .idempotency import Held, MemoryIdempotencyKeys
from .ledger import Books, MemoryLedger, MemoryPlatformLedger
from .lifecycle import MemoryLifecycle
from .lookups import MemoryLookups
from .policies import MemoryPolicies, Shelf
from .quota_requests import MemoryPlatformQuotaRequests, MemoryQuotaRequests
from .sessions import MemorySessions
from .tenant_requests import MemoryTenantRequests
from .tokens import MemoryBearers, MemoryServiceAccounts, MemoryTokens
from .users import MemoryLogins, MemoryMembers, MemoryUsers, People

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence

    from funkhaus.domain.approval import Approval
    from funkhaus.domain.charge import Key
    from funkhaus.domain.decision import Decision
    from funkhaus.domain.errors import FunkhausError
    from funkhaus.domain.quota_request import QuotaRequest
    from funkhaus.domain.service_account import ServiceAccount
    from funkhaus.domain.tenant_request import TenantRequest
    from funkhaus.domain.token import KubectlCredential, Token
    from funkhaus.ports import AuditRow, Checked, Manifest

PLANS = {
    "small": Plan(
        "small",
        3,
        NamespaceQuota(20, 20, 20, 4_000, 4 * 1024**3, 20, 100, 100),
        NamespaceQuota(60, 60, 60, 12_000, 12 * 1024**3, 60, 300, 300),
        100,
    ),
    "medium": Plan(
        "medium",
        10,
        NamespaceQuota(100, 100, 100, 20_000, 40 * 1024**3, 100, 500, 500),
        NamespaceQuota(1_000, 1_000, 1_000, 200_000, 400 * 1024**3, 1_000, 5_000, 5_000),
        500,
    ),
    "large": Plan(
        "large",
        50,
        NamespaceQuota(500, 500, 1_000, 200_000, 400 * 1024**3, 500, 2_000, 2_000),
        NamespaceQuota(
            25_000, 25_000, 50_000, 10_000_000, 20_000 * 1024**3, 25_000, 100_000, 100_000
        ),
        2_000,
    ),
}
"""As the migrations have them."""


@dataclass
class State:
    """All rows. A namespace maps to whether it is there still."""

    plans: dict[str, Plan] = field(default_factory=lambda: dict(PLANS))
    tenants: dict[str, Tenant] = field(default_factory=dict)
    namespaces: dict[tuple[str, str], tuple[Namespace, bool]] = field(default_factory=dict)
    suffixes: dict[str, str] = field(default_factory=dict)
    tokens: dict[bytes, Token] = field(default_factory=dict)
    previous: dict[bytes, tuple[str, datetime]] = field(default_factory=dict)
    kubectl: dict[bytes, KubectlCredential] = field(default_factory=dict)
    accounts: dict[tuple[str, str], ServiceAccount] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    tenant_requests: dict[str, TenantRequest] = field(default_factory=dict)
    outbox: list[OutboxItem] = field(default_factory=list)
    waits: dict[int, datetime] = field(default_factory=dict)
    sequence: int = 0
    audit: list[AuditRow] = field(default_factory=list)
    trails: Trails = field(default_factory=Trails)
    people: People = field(default_factory=People)
    books: Books = field(default_factory=Books)
    kept: Held = field(default_factory=dict)
    quota_requests: dict[str, QuotaRequest] = field(default_factory=dict)
    policies: Shelf = field(default_factory=Shelf)
    hosts: dict[str, tuple[str, datetime | None]] = field(default_factory=dict)
    host_uses: set[tuple[str, str, str, str]] = field(default_factory=set)
    approvals: dict[str, Approval] = field(default_factory=dict)
    approvals_changed: dict[str, datetime] = field(default_factory=dict)
    approval_checks: dict[tuple[str, Key], Checked] = field(default_factory=dict)
    notifications: dict[str, Told] = field(default_factory=dict)
    builds: dict[tuple[str, str], tuple[str, datetime]] = field(default_factory=dict)
    decisions: dict[tuple[str, int], Decision] = field(default_factory=dict)


class MemoryStores:
    """One writer at a time. Set `broken` and every transaction raises it."""

    def __init__(self) -> None:
        self.state = State()
        self.broken: FunkhausError | None = None
        self._writer = asyncio.Lock()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[State]:
        if self.broken:
            raise self.broken
        async with self._writer:
            state = State(**{name: _copy(value) for name, value in vars(self.state).items()})
            yield state
            self.state = state

    @asynccontextmanager
    async def begin(self, tenant: str) -> AsyncIterator[MemoryTenantWork]:
        async with self._transaction() as state:
            yield MemoryTenantWork(state, tenant)

    @asynccontextmanager
    async def begin_platform(self) -> AsyncIterator[MemoryPlatformWork]:
        async with self._transaction() as state:
            yield MemoryPlatformWork(state)

    @property
    def lookups(self) -> MemoryLookups:
        return MemoryLookups(self)

    async def warm(self) -> None:
        await self.ready()

    async def ready(self) -> None:
        if self.broken:
            raise self.broken


def _copy(value: Any) -> Any:
    return value.copy() if isinstance(value, Books | Trails | Shelf) else copy.copy(value)


class MemoryTenantWork:
    """`TenantWork`."""

    def __init__(self, state: State, tenant: str) -> None:
        self._state = state
        self._tenant = tenant
        self.members = MemoryMembers(state, tenant)

    @property
    def ledger(self) -> MemoryLedger:
        return MemoryLedger(self._state, self._tenant)

    @property
    def builds(self) -> MemoryBuilds:
        return MemoryBuilds(self._state, self._tenant)

    @property
    def hosts(self) -> MemoryHosts:
        return MemoryHosts(self._state, self._tenant)

    @property
    def approvals(self) -> MemoryApprovals:
        return MemoryApprovals(self._state, self._tenant)

    @property
    def quota_requests(self) -> MemoryQuotaRequests:
        return MemoryQuotaRequests(self._state.quota_requests, self._tenant)

    @property
    def lifecycle(self) -> MemoryLifecycle:
        return MemoryLifecycle(self._state, self._tenant)

    async def tenant(self) -> Tenant:
        if self._tenant not in self._state.tenants:
            raise NotFoundError(f"there is no tenant {self._tenant!r}")
        return self._state.tenants[self._tenant]

    async def lock(self) -> None:
        await self.tenant()

    async def plan(self) -> Plan:
        return self._state.plans[(await self.tenant()).plan]

    async def set_plan(self, plan_id: str) -> None:
        if plan_id not in self._state.plans:
            raise ConflictError("what this refers to does not exist")
        tenant = self._state.tenants[self._tenant]
        self._state.tenants[self._tenant] = replace(tenant, plan=plan_id)

    async def namespaces(self) -> Sequence[Namespace]:
        return [
            self._now(namespace)
            for (tenant, _), (namespace, there) in sorted(self._state.namespaces.items())
            if tenant == self._tenant and there
        ]

    async def namespace_page(
        self, *, after: str = "", limit: int = 100, among: Collection[str] = ()
    ) -> Sequence[Namespace]:
        return [
            item
            for item in await self.namespaces()
            if item.name > after and (not among or item.name in among)
        ][:limit]

    async def namespace(self, name: str) -> Namespace:
        namespace, there = self._state.namespaces.get((self._tenant, name), (None, False))
        if namespace is None or not there:
            raise NotFoundError(f"there is no namespace {name!r}")
        return self._now(namespace)

    def _now(self, namespace: Namespace) -> Namespace:
        tenant = self._state.tenants.get(self._tenant)
        return replace(namespace, suspended=tenant is not None and tenant.suspended)

    async def add_namespace(self, namespace: Namespace) -> None:
        self._must_be_ours(namespace.tenant)
        key = (self._tenant, namespace.name)
        if key in self._state.namespaces:
            raise ConflictError(
                f"namespace {namespace.name!r} exists, or existed: a name is given out once"
            )
        if self._tenant not in self._state.tenants:
            raise ConflictError("what this refers to does not exist")
        self._state.namespaces[key] = (namespace, True)

    async def remove_namespace(self, name: str) -> None:
        self._state.namespaces[(self._tenant, name)] = (await self.namespace(name), False)

    async def add_token(self, token: Token, digest: bytes) -> None:
        self._must_be_ours(token.tenant)
        _add_token(self._state, token, digest)

    @property
    def tokens(self) -> MemoryTokens:
        return MemoryTokens(self._state, self._tenant)

    @property
    def service_accounts(self) -> MemoryServiceAccounts:
        return MemoryServiceAccounts(self._state, self._tenant)

    async def revoke_token(self, token_id: str, now: datetime) -> Token:
        return _revoke(self._state, token_id, now, self._tenant)

    async def enqueue(self, manifest: Manifest, *, gone: bool = False) -> None:
        self._state.sequence += 1
        item = OutboxItem(self._state.sequence, manifest, gone, datetime.now(UTC))
        self._state.outbox.append(item)

    async def audit(self, row: AuditRow) -> None:
        self._must_be_ours(row.tenant)
        append(self._state, row)

    @property
    def audit_trail(self) -> MemoryAuditTrail:
        return MemoryAuditTrail(self._state, self._tenant)

    def _must_be_ours(self, tenant: str) -> None:
        if tenant != self._tenant:
            raise ValueError(f"a row of tenant {tenant!r} in a transaction of {self._tenant!r}")


class MemoryPlatformWork:
    """`PlatformWork`."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.users = MemoryUsers(state)
        self.sessions = MemorySessions(state)
        self.logins = MemoryLogins(state)
        self.idempotency = MemoryIdempotencyKeys(state.kept)

    @property
    def ledger(self) -> MemoryPlatformLedger:
        return MemoryPlatformLedger(self._state.books)

    @property
    def tenant_requests(self) -> MemoryTenantRequests:
        return MemoryTenantRequests(self._state)

    @property
    def policies(self) -> MemoryPolicies:
        return MemoryPolicies(self._state.policies)

    @property
    def decisions(self) -> MemoryDecisions:
        return MemoryDecisions(self._state.decisions)

    @property
    def hosts(self) -> MemoryPlatformHosts:
        return MemoryPlatformHosts(self._state)

    @property
    def approvals(self) -> MemoryPlatformApprovals:
        return MemoryPlatformApprovals(self._state)

    @property
    def notifications(self) -> MemoryNotifications:
        return MemoryNotifications(self._state.notifications)

    @property
    def quota_requests(self) -> MemoryPlatformQuotaRequests:
        return MemoryPlatformQuotaRequests(self._state.quota_requests)

    async def add_tenant(self, tenant: Tenant) -> None:
        await self.plan(tenant.plan)
        if tenant.id in self._state.tenants or tenant.id in self._state.ended:
            raise ConflictError(f"tenant {tenant.id!r} exists, or existed: an id is given out once")
        self._state.tenants[tenant.id] = tenant

    async def tenants(self, *, after: str = "", limit: int = 100) -> Sequence[Tenant]:
        ids = sorted(tenant for tenant in self._state.tenants if tenant > after)[:limit]
        return [self._state.tenants[tenant] for tenant in ids]

    async def doomed(self, now: datetime, *, limit: int = 50) -> Sequence[str]:
        due = [
            (tenant.deletion.after, tenant.id)
            for tenant in self._state.tenants.values()
            if tenant.deletion and tenant.deletion.after <= now
        ]
        return [tenant for _, tenant in sorted(due)][:limit]

    async def plan(self, plan_id: str) -> Plan:
        if plan_id not in self._state.plans:
            raise NotFoundError(f"there is no plan {plan_id!r}")
        return self._state.plans[plan_id]

    async def plans(self) -> Sequence[Plan]:
        return [self._state.plans[plan] for plan in sorted(self._state.plans)]

    @property
    def bearers(self) -> MemoryBearers:
        return MemoryBearers(self._state)

    async def add_platform_token(self, token: Token, digest: bytes) -> None:
        if token.tenant or token.role:
            raise ValueError("a platform token has neither tenant nor role")
        _add_token(self._state, token, digest)

    async def revoke_platform_token(self, token_id: str, now: datetime) -> Token:
        return _revoke(self._state, token_id, now)

    async def outbox(self, now: datetime, *, limit: int = 20) -> Sequence[OutboxItem]:
        heads: dict[str, OutboxItem] = {}
        for item in self._state.outbox:
            meta = item.manifest["metadata"]
            key = f"{item.manifest['kind']}/{meta.get('namespace', '')}/{meta['name']}"
            heads.setdefault(key, item)
        waits = self._state.waits
        due = [item for item in heads.values() if waits.get(item.sequence, now) <= now]
        return due[:limit]

    async def oldest_outbox_item(self) -> datetime | None:
        return min((item.queued_at for item in self._state.outbox), default=None)

    async def delivered(self, sequence: int) -> None:
        self._state.outbox = [item for item in self._state.outbox if item.sequence != sequence]

    async def postpone(self, sequence: int, error: str, until: datetime) -> None:
        assert error
        self._state.waits[sequence] = until
        self._state.outbox = [
            replace(item, attempts=item.attempts + 1) if item.sequence == sequence else item
            for item in self._state.outbox
        ]

    async def audit(self, row: AuditRow) -> None:
        append(self._state, row)

    @property
    def audit_trail(self) -> MemoryAuditTrail:
        return MemoryAuditTrail(self._state, "")

    @property
    def audit_chains(self) -> MemoryAuditChains:
        return MemoryAuditChains(self._state)


def _add_token(state: State, token: Token, digest: bytes) -> None:
    if digest in state.tokens or any(token.id == other.id for other in state.tokens.values()):
        raise ConflictError("there is such a token already")
    state.tokens[digest] = token


def _revoke(state: State, token_id: str, now: datetime, tenant: str | None = None) -> Token:
    for digest, token in state.tokens.items():
        if _same(token.id, token_id) and tenant in {None, token.tenant}:
            state.tokens[digest] = replace(token, revoked_at=token.revoked_at or now)
            return state.tokens[digest]
    raise NotFoundError(f"there is no token {token_id!r}")


def _same(token_id: str, asked: str) -> bool:
    try:
        return UUID(token_id) == UUID(asked)
    except ValueError:
        return False
