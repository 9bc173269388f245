"""Tenants: made by platform admins and, within limits, by whoever signed in; read by their members."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.domain import names
from funkhaus.domain.errors import InvalidError, NotFoundError
from funkhaus.domain.permission import Permission, require_scope
from funkhaus.domain.tenant import Tenant
from funkhaus.domain.verdict import Finding
from funkhaus.services import states
from funkhaus.services.pages import cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.ports import Clock, PlatformWork, Stores
    from funkhaus.services.acts import Acts, Asker
    from funkhaus.services.founding import SelfService

DISPLAY_NAME_LIMIT = 200


class TenantService:
    """Use cases on tenants."""

    def __init__(self, stores: Stores, acts: Acts, clock: Clock, founding: SelfService) -> None:
        self._stores, self._acts, self._clock, self._founding = stores, acts, clock, founding

    async def create(self, asker: Asker, tenant_id: str, plan: str, display_name: str) -> Tenant:
        """A new tenant; who founds one by self-service is its first owner.

        Raises `ForbiddenError`, `PolicyError` (above self-service), `InvalidError` (id, plan), `ConflictError` (the id is
        or was taken).
        """
        by_founder = self._founding.allows(asker.subject) and not asker.subject.is_admin
        permission = None if by_founder else Permission.TENANT_CREATE
        async with self._acts.doing(
            asker, permission, None, tenant_id, action=Permission.TENANT_CREATE.value
        ) as act:
            require_scope(asker.subject, Permission.TENANT_CREATE)
            tenant = Tenant(names.tenant_id(tenant_id), plan, display_name[:DISPLAY_NAME_LIMIT])
            act.detail["plan"] = plan
            async with self._stores.begin_platform() as work:
                await known_plan(work, plan)
                if by_founder:
                    await self._founding.found(work, asker.subject, tenant, self._clock.now())
                else:
                    await work.add_tenant(tenant)
                act.changed(None, states.tenant(tenant))
                await work.audit(act.row("done"))
                act.recorded = True
        return tenant

    async def page(self, asker: Asker, *, after: str, limit: int) -> tuple[Sequence[Tenant], str]:
        """Tenants by id, and where the next page begins ("" for none): with a platform role all, else one's own."""
        require_scope(asker.subject, Permission.TENANT_READ)
        if asker.subject.platform_roles:
            async with self._stores.begin_platform() as work:
                return cut(
                    await work.tenants(after=after, limit=limit + 1), limit, lambda item: item.id
                )
        own = sorted(tenant for tenant in asker.subject.roles if tenant > after)
        names_, more = cut(own, limit, lambda name: name)
        return [tenant for name in names_ if (tenant := await self._existing(name))], more

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


async def known_plan(work: PlatformWork, plan: str) -> None:
    """Raises `InvalidError` for a plan there isn't."""
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
