"""The plans a tenant may have: what each gives, and which of them need nobody's word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus.domain.permission import Permission, require_scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.domain.tenant import Plan
    from funkhaus.ports import Stores
    from funkhaus.services.acts import Asker
    from funkhaus.services.founding import SelfService


@dataclass(frozen=True, slots=True)
class PlanState:
    """A plan, and whether who signed in may found a tenant of it without asking."""

    plan: Plan
    self_service: bool


class PlanService:
    """Use cases on plans. They are everybody's who is known, as runtimes are: a token's scopes may leave them out."""

    def __init__(self, stores: Stores, founding: SelfService) -> None:
        self._stores, self._founding = stores, founding

    async def list(self, asker: Asker) -> Sequence[PlanState]:
        """All plans, by id. Raises `ForbiddenError`."""
        require_scope(asker.subject, Permission.TENANT_READ)
        async with self._stores.begin_platform() as work:
            plans = await work.plans()
        return [PlanState(plan, plan.id in self._founding.plans) for plan in plans]
