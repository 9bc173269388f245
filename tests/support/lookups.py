"""`Lookups` without a database, on the rows of `MemoryStores`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.domain.tenant import TenantFacts
from funkhaus.ports import Standing

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from funkhaus.ports.bearers import Bearer

    from .stores import MemoryStores


class MemoryLookups:
    def __init__(self, stores: MemoryStores) -> None:
        self._stores = stores

    async def bearer(self, digest: bytes, now: datetime) -> Bearer | None:
        async with self._stores.begin_platform() as work:
            return await work.bearers.find(digest, now)

    async def standing(self, digest: bytes, tenants: Collection[str] = ()) -> Standing | None:
        async with self._stores.begin_platform() as work:
            if (session := await work.users.session_by_digest(digest)) is None:
                return None
            roles = await work.users.roles(session.user.id)
            return Standing(
                session,
                roles,
                await work.users.platform_roles(session.user.id),
                await work.bearers.suspended({*roles, *tenants}),
                await work.bearers.gone(tenants),
            )

    async def facts(self, cluster_namespace: str) -> TenantFacts | None:
        async with self._stores.begin_platform():
            state = self._stores.state
            for namespace, there in state.namespaces.values():
                if namespace.tenant in state.ended:
                    continue
                if there and namespace.cluster_name == cluster_namespace:
                    tenant = state.tenants[namespace.tenant]
                    suffixes = sorted(
                        name for name, of in state.suffixes.items() if of == tenant.id
                    )
                    return TenantFacts(
                        tenant.id, namespace.name, tenant.plan, tuple(suffixes), tenant.objections
                    )
        return None
