"""What a tenant may have for good: its plan and its host suffixes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from funkhaus_api.keys import asker, services
from funkhaus_api.places import TENANT, answer
from funkhaus_api.preconditions import guarded, matching
from funkhaus_api.wire.reading import Query, read_body
from funkhaus_api.wire.tenants import NewPlan, host_suffixes, tenant

if TYPE_CHECKING:
    from funkhaus.domain.tenant import Tenant

SUFFIXES = f"{TENANT}/host-suffixes"
SUFFIX = f"{SUFFIXES}/{{suffix}}"


def _shown(item: Tenant) -> web.Response:
    return answer(tenant(item))


@guarded(required=True, inside=True)
async def change_plan(request: web.Request) -> web.Response:
    """Another plan. What it meets is the ETag of the tenant."""
    body = await read_body(request, NewPlan)
    changed = await services(request).entitlements.change_plan(
        asker(request), request.match_info["tenant"], body.plan, body.reason,
        matching(request, _shown),
    )  # fmt: skip
    return _shown(changed)


async def suffixes(request: web.Request) -> web.Response:
    """Where its hosts may lie."""
    Query(request)
    own, granted = await services(request).entitlements.suffixes(
        asker(request), request.match_info["tenant"]
    )
    return answer(host_suffixes(own, granted))


async def grant(request: web.Request) -> web.Response:
    """One more."""
    Query(request)
    own, granted = await services(request).entitlements.grant_suffix(
        asker(request), request.match_info["tenant"], request.match_info["suffix"]
    )
    return answer(host_suffixes(own, granted))


async def withdraw(request: web.Request) -> web.Response:
    """One less."""
    Query(request)
    own, granted = await services(request).entitlements.withdraw_suffix(
        asker(request), request.match_info["tenant"], request.match_info["suffix"]
    )
    return answer(host_suffixes(own, granted))


ROUTES = [
    web.put(f"{TENANT}/plan", change_plan),
    web.get(SUFFIXES, suffixes, allow_head=False),
    web.put(SUFFIX, grant),
    web.delete(SUFFIX, withdraw),
]
