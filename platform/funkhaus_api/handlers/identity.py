"""Who the asker is."""

from __future__ import annotations

from aiohttp import web

from funkhaus_api.keys import asker, services
from funkhaus_api.places import NO_CONTENT, answer
from funkhaus_api.wire.tokens import me


async def show(request: web.Request) -> web.Response:
    """The subject of the token."""
    return answer(me(asker(request).subject))


async def end(request: web.Request) -> web.Response:
    """The session the request came with is over."""
    await services(request).sessions.end(asker(request))
    return web.Response(status=NO_CONTENT)


ROUTES = [
    web.get("/v1/me", show, allow_head=False),
    web.delete("/v1/me/session", end),
]
