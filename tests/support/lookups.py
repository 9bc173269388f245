"""`Lookups` without a database, on the rows of `MemoryStores`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.domain.tenant import TenantFacts
from funkhaus.ports import Standing

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from funkhaus.domain.user import Session
    from funkhaus.ports.bearers import Bearer

    from .stores import MemoryPlatformWork, MemoryStores


class MemoryLookups:
    def __init__(self, stores: MemoryStores) -> None:
        self._stores = stores

    async def bearer(self, digest: bytes, now: datetime) -> Bearer | None:
        async with self._stores.begin_platform() as work:
            return await work.bearers.find(digest, now)

    async def standing(self, digest: bytes, tenants: Collection[str] = ()) -> Standing | None:
        async with self._stores.begin_platform() as work:
            session = await work.sessions.by_digest(digest)
            return await _standing(work, session, tenants) if session else None

    async def holders(self, tokens: Collection[str]) -> Mapping[str, Bearer]:
        async with self._stores.begin_platform() as work:
            found = {token: await work.bearers.holder(token) for token in tokens}
        return {token: bearer for token, bearer in found.items() if bearer}

    async def sessions(
        self, sessions: Collection[str], tenants: Collection[str] = ()
    ) -> Mapping[str, Standing]:
        async with self._stores.begin_platform() as work:
            found = [await work.sessions.get(item) for item in sessions]
            return {item.id: await _standing(work, item, tenants) for item in found if item}

    async def namespaces(self, tenants: Collection[str]) -> Mapping[str, Sequence[str]]:
        async with self._stores.begin_platform():
            named: dict[str, list[str]] = {}
            for tenant, name in sorted(self._stores.state.namespaces):
                if tenant in tenants and self._stores.state.namespaces[tenant, name][1]:
                    named.setdefault(tenant, []).append(name)
            return named

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


async def _standing(
    work: MemoryPlatformWork, session: Session, tenants: Collection[str]
) -> Standing:
    roles = await work.users.roles(session.user.id)
    return Standing(
        session,
        roles,
        await work.users.platform_roles(session.user.id),
        await work.bearers.suspended({*roles, *tenants}),
        await work.bearers.gone(tenants),
    )
