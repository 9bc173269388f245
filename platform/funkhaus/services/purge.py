"""The end of tenants whose grace is over: everything of theirs goes, from cluster, registry and database.

What stays are audit rows, revoked tokens (the audit names them), the names of namespaces, and the id, so that none is given
out again. It goes in small steps with a transaction each. Every step may be done twice, so a process that dies leaves
nothing that the next round does not finish, and two processes at once do no harm. From the first step on nobody takes a
deletion back: that is refused once it is due.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus import logs
from funkhaus.crd import tenant_namespace
from funkhaus.domain.archive import repositories_of
from funkhaus.domain.audit import digest_of
from funkhaus.domain.errors import FunkhausError, NotFoundError
from funkhaus.domain.kinds import API_VERSION, TENANT_NAMESPACE
from funkhaus.domain.names import split_cluster_namespace
from funkhaus.ports import AuditRow
from funkhaus.ports.lifecycle import Belonging
from funkhaus.services import states

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from funkhaus.ports import Clock, Cluster, ImageRegistry, Stores, TenantWork

TENANTS = 50
"""Of one round."""
BATCH = 500
"""Rows of one transaction."""
STRAYS = 100
"""Namespaces of one tenant that are looked at in one round."""
IMAGES = 100
"""Images and archives of one round: each takes several requests."""
BATCHES = 200
"""Of one kind in one round; more wait for the next."""
AT_ONCE = (
    Belonging.INVITATIONS,
    Belonging.MEMBERS,
    Belonging.SERVICE_ACCOUNTS,
    Belonging.QUOTA_REQUESTS,
    Belonging.NOTIFICATIONS,
    Belonging.OVERRIDE,
    Belonging.HOST_SUFFIXES,
)
AFTER_THE_CLUSTER = (
    Belonging.APPROVALS,
    Belonging.APPROVAL_CHECKS,
    Belonging.NOTIFICATIONS,
    Belonging.CHARGES,
    Belonging.QUOTAS,
    Belonging.TENANT_QUOTA,
    Belonging.DECISIONS,
    Belonging.BUILDS,
)
"""What is kept of objects, until none is there any more."""
SUBJECT = "system:funkhaus"
"""Who is in the audit log for what nobody asked for at that moment."""
_LOG = logs.logger(__name__)


@dataclass(frozen=True, slots=True)
class Purged:
    """How many tenants a round brought to their end, how many wait (for the cluster, or another round), how many failed."""

    gone: int = 0
    waiting: int = 0
    failed: int = 0


class Purge:
    """Ends tenants. `wake` is called when something was put into the outbox."""

    def __init__(
        self,
        stores: Stores,
        cluster: Cluster,
        registry: ImageRegistry,
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        self._stores, self._cluster, self._registry = stores, cluster, registry
        self._clock, self._wake = clock, wake

    async def round(self) -> Purged:
        """As far as it goes now, for `TENANTS` tenants at most. Raises `UnavailableError`."""
        async with self._stores.begin_platform() as platform:
            doomed = await platform.doomed(self._clock.now(), limit=TENANTS)
        quiet, failed = [], 0
        for tenant in doomed:
            try:
                if await self._begin(tenant):
                    quiet.append(tenant)
            except FunkhausError as error:
                failed += 1
                _LOG.warning("tenant not purged", tenant=tenant, error=error.message)
        gone = 0
        there = await self._there() if quiet else {}
        for tenant in quiet:
            try:
                if tenant in there:
                    await self._end_strays(tenant, there[tenant])
                else:
                    gone += await self._finish(tenant)
            except FunkhausError as error:
                failed += 1
                _LOG.warning("tenant not purged", tenant=tenant, error=error.message)
        return Purged(gone, len(doomed) - gone - failed, failed)

    async def _there(self) -> Mapping[str, Sequence[str]]:
        """The namespaces in the cluster by tenant; one that ends is there until the last of it is gone.

        Asked after the outbox was found empty: nothing of theirs is about to appear.
        """
        found: dict[str, list[str]] = {}
        for _, name in await self._cluster.keys(TENANT_NAMESPACE):
            if parts := split_cluster_namespace(name):
                found.setdefault(parts[0], []).append(name)
        return found

    async def _end_strays(self, tenant: str, places: Sequence[str]) -> None:
        """End those nobody has told the cluster to end: no row is left of them that would."""
        strays = []
        for place in places[:STRAYS]:
            found = await self._cluster.get(TENANT_NAMESPACE, "", place)
            if found and not found["metadata"].get("deletionTimestamp"):
                strays.append(place)
        if not strays:
            return
        async with self._due(tenant) as work:
            await work.ledger.lock()
            for place in strays:
                head = {"apiVersion": API_VERSION, "kind": TENANT_NAMESPACE.name}
                await work.enqueue({**head, "metadata": {"name": place}}, gone=True)
        _LOG.warning("namespaces without a row end", tenant=tenant, count=len(strays))
        self._wake()

    async def _begin(self, tenant: str) -> bool:
        """Everything that need not wait for the cluster; whether the cluster was told of it."""
        await self._end_namespaces(tenant)
        done = await self._drain(
            tenant, lambda work: work.lifecycle.revoke_tokens(self._clock.now(), limit=BATCH)
        )
        for what in AT_ONCE:
            done &= await self._forget(tenant, what)
        async with self._due(tenant) as work:
            return done and not await work.lifecycle.outstanding()

    async def _finish(self, tenant: str) -> bool:
        """The rest, now that the cluster holds nothing of it; whether it is gone."""
        async with self._due(tenant):
            pass  # nobody took it back: from here on it is about what can't be made anew
        images = await self._images(tenant)
        if images == "more":
            return False
        done = True
        for what in AFTER_THE_CLUSTER:
            done = done and await self._forget(tenant, what)
        if not done:
            return False
        async with self._due(tenant) as work:
            before = digest_of(states.tenant(await work.tenant()))
            await work.lifecycle.bury(self._clock.now())
            detail = {"images": images}
            await work.audit(
                AuditRow(
                    *(tenant, SUBJECT, "", "tenant:purge", tenant, "done", "", detail),
                    before=before,
                )
            )
        _LOG.info("tenant purged", tenant=tenant)
        return True

    async def _images(self, tenant: str) -> str:
        """Images and archives of the tenant: ``gone``, ``kept`` by a registry that deletes none, or ``more`` are there."""
        for below in repositories_of(tenant):
            count = await self._registry.forget(below, limit=IMAGES)
            if count is None:
                _LOG.warning("the registry keeps what is there of a tenant", below=below)
                return "kept"
            if count >= IMAGES:
                return "more"
        return "gone"

    async def _end_namespaces(self, tenant: str) -> None:
        async with self._due(tenant) as work:
            await work.ledger.lock()
            namespaces = await work.namespaces()
            for namespace in namespaces:
                await work.remove_namespace(namespace.name)
                await work.enqueue(tenant_namespace.manifest(namespace), gone=True)
        if namespaces:
            self._wake()

    async def _forget(self, tenant: str, what: Belonging) -> bool:
        return await self._drain(tenant, lambda work: work.lifecycle.forget(what, limit=BATCH))

    async def _drain(self, tenant: str, some: Callable[[TenantWork], Awaitable[int]]) -> bool:
        """Batch after batch; whether nothing is left."""
        for _ in range(BATCHES):
            async with self._due(tenant) as work:
                count = await some(work)
            if count < BATCH:
                return True
        return False

    @asynccontextmanager
    async def _due(self, tenant: str) -> AsyncIterator[TenantWork]:
        """A transaction of a tenant that is due still, and locked; raises `NotFoundError` where another was faster."""
        async with self._stores.begin(tenant) as work:
            await work.lock()
            deletion = (await work.tenant()).deletion
            if deletion is None or deletion.after > self._clock.now():
                raise NotFoundError(f"tenant {tenant!r} is not due")
            yield work
