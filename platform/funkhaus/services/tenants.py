"""Tenants: made by platform admins, read by their members."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.domain import names
from funkhaus.domain.errors import InvalidError, NotFoundError
from funkhaus.domain.permission import Permission
from funkhaus.domain.tenant import Tenant
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.ports import PlatformWork, Stores
    from funkhaus.services.acts import Acts, Asker

DISPLAY_NAME_LIMIT = 200


class TenantService:
    """Use cases on tenants."""

    def __init__(self, stores: Stores, acts: Acts) -> None:
        self._stores, self._acts = stores, acts

    async def create(self, asker: Asker, tenant_id: str, plan: str, display_name: str) -> Tenant:
        """A new tenant. Raises `ForbiddenError`, `InvalidError` (id, plan), `ConflictError` (the id is or was taken)."""
        async with self._acts.doing(asker, Permission.TENANT_CREATE, None, tenant_id) as act:
            tenant = Tenant(names.tenant_id(tenant_id), plan, display_name[:DISPLAY_NAME_LIMIT])
            act.detail["plan"] = plan
            async with self._stores.begin_platform() as work:
                await self._known_plan(work, plan)
                await work.add_tenant(tenant)
                await work.audit(act.row("done"))
                act.recorded = True
        return tenant

    async def _known_plan(self, work: PlatformWork, plan: str) -> None:
        known = [item.id for item in await work.plans()]
        if plan not in known:
            raise InvalidError.at(
                Finding(
                    "plan-unknown",
                    f"there is no plan {plan!r}; {', '.join(known)} pass",
                    "plan",
                    value=plan,
                    passes=known,
                )
            )

    async def page(self, asker: Asker, *, after: str, limit: int) -> tuple[Sequence[Tenant], str]:
        """Tenants by id, and where the next page begins ("" when there is none): an admin's all, others' own."""
        if asker.subject.is_admin:
            async with self._stores.begin_platform() as work:
                found = list(await work.tenants(after=after, limit=limit + 1))
        else:
            own = sorted(tenant for tenant in asker.subject.roles if tenant > after)[: limit + 1]
            found = [tenant for name in own if (tenant := await self._existing(name))]
        page = found[:limit]
        return page, page[-1].id if len(found) > limit else ""

    async def _existing(self, tenant_id: str) -> Tenant | None:
        try:
            async with self._stores.begin(tenant_id) as work:
                return await work.tenant()
        except NotFoundError:
            return None

    async def get(self, asker: Asker, tenant_id: str) -> Tenant:
        """One tenant; raises `NotFoundError`, also for one the asker has no role in."""
        async with (
            self._acts.reading(asker, Permission.TENANT_READ, tenant_id),
            self._stores.begin(tenant_id) as work,
        ):
            return await work.tenant()
