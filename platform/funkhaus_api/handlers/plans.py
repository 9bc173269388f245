"""The plans there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from funkhaus.services.quotas import wire
from funkhaus_api.keys import asker, services
from funkhaus_api.pages import Page

if TYPE_CHECKING:
    from funkhaus.services.plans import PlanState


async def listed(request: web.Request) -> web.Response:
    """All of them."""
    page = Page.of(request)
    found = await services(request).plans.list(asker(request))
    return page.cut(found, lambda item: item.plan.id, _shown)


def _shown(item: PlanState) -> dict[str, Any]:
    return {
        "id": item.plan.id,
        "selfService": item.self_service,
        "namespaces": item.plan.namespaces,
        "tokens": item.plan.tokens,
        "namespaceQuota": wire(item.plan.namespace_quota),
        "tenantQuota": wire(item.plan.tenant_quota),
    }


ROUTES = [web.get("/v1/plans", listed, allow_head=False)]
