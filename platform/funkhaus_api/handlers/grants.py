"""Platform roles granted to users."""

from __future__ import annotations

from aiohttp import web

from funkhaus.domain.errors import NotFoundError
from funkhaus.domain.subject import PlatformRole
from funkhaus_api.keys import asker, services
from funkhaus_api.pages import Page
from funkhaus_api.places import NO_CONTENT
from funkhaus_api.wire.members import NewGrant, grant
from funkhaus_api.wire.reading import read_body


async def listed(request: web.Request) -> web.Response:
    """A page of them."""
    page = Page.of(request)
    found, more = await services(request).grants.page(
        asker(request), after=page.after, limit=page.limit
    )
    return page.answer([grant(*pair) for pair in found], more)


async def give(request: web.Request) -> web.Response:
    """Grant one."""
    body = await read_body(request, NewGrant)
    await services(request).grants.grant(asker(request), body.user, PlatformRole(body.role))
    return web.Response(status=NO_CONTENT)


async def withdraw(request: web.Request) -> web.Response:
    """Withdraw one."""
    role = request.match_info["role"]
    if role not in {item.value for item in PlatformRole}:
        raise NotFoundError(f"there is no platform role {role!r}")
    await services(request).grants.withdraw(
        asker(request), request.match_info["user"], PlatformRole(role)
    )
    return web.Response(status=NO_CONTENT)


ROUTES = [
    web.get("/v1/platform/grants", listed, allow_head=False),
    web.post("/v1/platform/grants", give),
    web.delete("/v1/platform/grants/{user}/{role}", withdraw),
]
