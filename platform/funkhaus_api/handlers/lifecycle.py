"""A tenant rests and works again, goes and is taken back."""

from __future__ import annotations

from aiohttp import web

from funkhaus_api.keys import asker, services
from funkhaus_api.places import TENANT, answer
from funkhaus_api.wire.lifecycle import NewSuspension
from funkhaus_api.wire.reading import Query, read_body
from funkhaus_api.wire.tenants import tenant

SUSPENSION, DELETION = f"{TENANT}/suspension", f"{TENANT}/deletion"


async def suspend(request: web.Request) -> web.Response:
    """Have it rest."""
    body = await read_body(request, NewSuspension)
    changed = await services(request).lifecycle.suspend(
        asker(request), request.match_info["tenant"], body.reason
    )
    return answer(tenant(changed))


async def resume(request: web.Request) -> web.Response:
    """Have it work again."""
    Query(request)
    changed = await services(request).lifecycle.resume(asker(request), request.match_info["tenant"])
    return answer(tenant(changed))


async def delete(request: web.Request) -> web.Response:
    """Have it go."""
    query = Query(request, ("graceDays", "reason"))
    changed = await services(request).lifecycle.delete(
        asker(request),
        request.match_info["tenant"],
        days=query.count("graceDays"),
        reason=query.text("reason"),
    )
    return answer(tenant(changed))


async def undelete(request: web.Request) -> web.Response:
    """Have it stay."""
    Query(request)
    changed = await services(request).lifecycle.undelete(
        asker(request), request.match_info["tenant"]
    )
    return answer(tenant(changed))


ROUTES = [
    web.put(SUSPENSION, suspend),
    web.delete(SUSPENSION, resume),
    web.delete(TENANT, delete),
    web.delete(DELETION, undelete),
]
