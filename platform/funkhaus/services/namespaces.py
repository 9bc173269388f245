"""Namespaces: rows first, and in the same transaction the order to the cluster to follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus.crd import conditions, tenant_namespace
from funkhaus.domain import names
from funkhaus.domain.errors import UnavailableError
from funkhaus.domain.kinds import TENANT_NAMESPACE
from funkhaus.domain.permission import Permission
from funkhaus.domain.tenant import Namespace
from funkhaus.services import states
from funkhaus.services.pages import cut
from funkhaus.services.quotas import check_room, counts_of, share
from funkhaus.services.telling import tell

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from funkhaus.ports import Clock, Cluster, Stores
    from funkhaus.services.acts import Acts, Asker


@dataclass(frozen=True, slots=True)
class NamespaceState:
    """A namespace, and whether the cluster has caught up; `ready` is ``None`` where the cluster could not say."""

    namespace: Namespace
    ready: bool | None


class NamespaceService:
    """Use cases on namespaces. `wake` is called after a transaction that put something into the outbox."""

    def __init__(
        self,
        stores: Stores,
        acts: Acts,
        cluster: Cluster,
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        self._stores, self._acts, self._cluster = stores, acts, cluster
        self._clock, self._wake = clock, wake

    async def create(self, asker: Asker, tenant: str, name: str) -> Namespace:
        """A new namespace with the plan's quota, as far as the tenant's has that left.

        Raises `InvalidError` (name), `PolicyError` (the tenant may have no more), `ConflictError` (the name is or
        was taken), `NotFoundError`/`ForbiddenError`.
        """
        async with self._acts.doing(
            asker, Permission.NAMESPACE_CREATE, tenant, name, namespace=name
        ) as act:
            names.namespace_name(name)
            async with self._stores.begin(tenant) as work:
                await work.lock()
                await work.ledger.lock()
                hard = await counts_of(work, self._clock.now())
                used = len(await work.namespaces())
                check_room(tenant, "namespaces", hard.namespaces, used)
                rests = (await work.tenant()).suspended
                namespace = Namespace(tenant, name, await share(work), rests)
                await work.add_namespace(namespace)
                await tell(work, namespace)
                act.changed(None, states.namespace(namespace))
                await act.done_in(work)
        self._wake()
        return namespace

    async def page(
        self, asker: Asker, tenant: str, *, after: str, limit: int
    ) -> tuple[Sequence[Namespace], str]:
        """The tenant's namespaces by name, as far as the asker's credential reaches, and where the next page begins."""
        allowed = asker.subject.restriction.namespaces
        async with (
            self._acts.reading(asker, Permission.NAMESPACE_READ, tenant),
            self._stores.begin(tenant) as work,
        ):
            await work.tenant()
            found = await work.namespace_page(after=after, limit=limit + 1, among=allowed)
        return cut(found, limit, lambda item: item.name)

    async def get(self, asker: Asker, tenant: str, name: str) -> NamespaceState:
        """One namespace; raises `NotFoundError`."""
        async with (
            self._acts.reading(asker, Permission.NAMESPACE_READ, tenant, name, namespace=name),
            self._stores.begin(tenant) as work,
        ):
            namespace = await work.namespace(name)
        return NamespaceState(namespace, await self._ready(namespace))

    async def _ready(self, namespace: Namespace) -> bool | None:
        try:
            found = await self._cluster.get(TENANT_NAMESPACE, "", namespace.cluster_name)
        except UnavailableError:
            return None
        return found is not None and conditions.is_true(found, conditions.READY)

    async def delete(self, asker: Asker, tenant: str, name: str) -> None:
        """Delete it with everything in it; raises `NotFoundError`. Its name is never given out again.

        The books are locked as by everybody who tells the cluster of a namespace: nobody tells of this one afterwards.
        """
        async with (
            self._acts.doing(
                asker, Permission.NAMESPACE_DELETE, tenant, name, namespace=name
            ) as act,
            self._stores.begin(tenant) as work,
        ):
            await work.lock()
            await work.ledger.lock()
            namespace = await work.namespace(name)
            await work.remove_namespace(name)
            await work.enqueue(tenant_namespace.manifest(namespace), gone=True)
            act.changed(states.namespace(namespace), None)
            await act.done_in(work)
        self._wake()
