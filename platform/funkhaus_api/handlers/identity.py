"""Who the asker is, and the sessions they have."""

from __future__ import annotations

from aiohttp import web

from funkhaus_api.keys import asker, services
from funkhaus_api.pages import Page
from funkhaus_api.places import NO_CONTENT, answer
from funkhaus_api.wire.logins import own_session
from funkhaus_api.wire.tokens import me


async def show(request: web.Request) -> web.Response:
    """The subject of the token."""
    return answer(me(asker(request).subject))


async def end(request: web.Request) -> web.Response:
    """The session the request came with is over."""
    await services(request).sessions.end(asker(request))
    return web.Response(status=NO_CONTENT)


async def sessions(request: web.Request) -> web.Response:
    """A page of the asker's own that are valid."""
    page, who = Page.of(request), asker(request)
    found, more = await services(request).sessions.page(who, after=page.after, limit=page.limit)
    return page.answer([own_session(item, who.subject.token_id) for item in found], more)


async def end_one(request: web.Request) -> web.Response:
    """One of these is over."""
    await services(request).sessions.end(asker(request), request.match_info["session"])
    return web.Response(status=NO_CONTENT)


async def end_others(request: web.Request) -> web.Response:
    """All of these are over but the one that asks."""
    return answer({"ended": await services(request).sessions.end_others(asker(request))})


ROUTES = [
    web.get("/v1/me", show, allow_head=False),
    web.delete("/v1/me/session", end),
    web.get("/v1/me/sessions", sessions, allow_head=False),
    web.delete("/v1/me/sessions", end_others),
    web.delete("/v1/me/sessions/{session}", end_one),
]
