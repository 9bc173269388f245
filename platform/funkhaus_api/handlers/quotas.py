"""Quotas of a tenant and its namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from funkhaus_api.keys import asker, services
from funkhaus_api.places import NAMESPACE, TENANT, answer, place
from funkhaus_api.preconditions import guarded, matching
from funkhaus_api.wire.quotas import NewOverride, Share, namespace_account, state, tenant_account
from funkhaus_api.wire.reading import Query, read_body

if TYPE_CHECKING:
    from funkhaus.services.quotas import QuotaState

OVERRIDE = f"{TENANT}/quota/override"


def _books(found: QuotaState) -> web.Response:
    return answer(state(found))


async def show(request: web.Request) -> web.Response:
    """Both levels, and who uses what."""
    Query(request)
    found = await services(request).quotas.show(asker(request), request.match_info["tenant"])
    return _books(found)


@guarded(required=True, inside=True)
async def divide(request: web.Request) -> web.Response:
    """A namespace's share."""
    where, body = place(request), await read_body(request, Share)
    changed = await services(request).quotas.set_namespace(
        asker(request), where.tenant, where.namespace, body.quota(),
        matching(request, _books),
    )  # fmt: skip
    return answer(namespace_account(changed))


@guarded(required=True, inside=True)
async def override(request: web.Request) -> web.Response:
    """Another quota than the plan's."""
    tenant, body = request.match_info["tenant"], await read_body(request, NewOverride)
    changed = await services(request).quotas.set_override(
        asker(request), tenant, body.terms(), matching(request, _books)
    )
    return answer(tenant_account(changed))


@guarded(required=True, inside=True)
async def back(request: web.Request) -> web.Response:
    """The plan's again."""
    Query(request)
    tenant = request.match_info["tenant"]
    changed = await services(request).quotas.clear_override(
        asker(request), tenant, matching(request, _books)
    )
    return answer(tenant_account(changed))


ROUTES = [
    web.get(f"{TENANT}/quota", show, allow_head=False),
    web.put(f"{NAMESPACE}/quota", divide),
    web.put(OVERRIDE, override),
    web.delete(OVERRIDE, back),
]
