"""Quotas of a tenant and its namespaces."""

from __future__ import annotations

from aiohttp import web

from funkhaus_api.keys import asker, services
from funkhaus_api.places import NAMESPACE, TENANT, answer, place
from funkhaus_api.wire.quotas import Limits, NewOverride, account, namespace_account, state
from funkhaus_api.wire.reading import Query, read_body

OVERRIDE = f"{TENANT}/quota/override"


async def show(request: web.Request) -> web.Response:
    """Both levels, and who uses what."""
    Query(request)
    found = await services(request).quotas.show(asker(request), request.match_info["tenant"])
    return answer(state(found))


async def divide(request: web.Request) -> web.Response:
    """A namespace's share."""
    where, body = place(request), await read_body(request, Limits)
    changed = await services(request).quotas.set_namespace(
        asker(request), where.tenant, where.namespace, body.quota()
    )
    return answer(namespace_account(changed))


async def override(request: web.Request) -> web.Response:
    """Another quota than the plan's."""
    tenant, body = request.match_info["tenant"], await read_body(request, NewOverride)
    changed = await services(request).quotas.set_override(
        asker(request), tenant, body.quota(), body.reason, body.days
    )
    return answer(account(changed))


async def back(request: web.Request) -> web.Response:
    """The plan's again."""
    Query(request)
    tenant = request.match_info["tenant"]
    return answer(account(await services(request).quotas.clear_override(asker(request), tenant)))


ROUTES = [
    web.get(f"{TENANT}/quota", show, allow_head=False),
    web.put(f"{NAMESPACE}/quota", divide),
    web.put(OVERRIDE, override),
    web.delete(OVERRIDE, back),
]
