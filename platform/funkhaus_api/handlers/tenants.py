"""Tenants."""

from __future__ import annotations

from aiohttp import web

from funkhaus_api.keys import asker, services
from funkhaus_api.pages import Page
from funkhaus_api.places import CREATED, TENANT, answer
from funkhaus_api.wire.reading import read_body
from funkhaus_api.wire.tenants import NewTenant, tenant


async def create(request: web.Request) -> web.Response:
    """A new tenant."""
    body = await read_body(request, NewTenant)
    made = await services(request).tenants.create(
        asker(request), body.id, body.plan, body.display_name
    )
    return answer(tenant(made), CREATED)


async def listed(request: web.Request) -> web.Response:
    """A page of tenants."""
    page = Page.of(request)
    found, more = await services(request).tenants.page(
        asker(request), after=page.after, limit=page.limit
    )
    return page.answer([tenant(item) for item in found], more)


async def get(request: web.Request) -> web.Response:
    """One tenant."""
    found = await services(request).tenants.get(asker(request), request.match_info["tenant"])
    return answer(tenant(found))


ROUTES = [
    web.post("/v1/tenants", create),
    web.get("/v1/tenants", listed, allow_head=False),
    web.get(TENANT, get, allow_head=False),
]
