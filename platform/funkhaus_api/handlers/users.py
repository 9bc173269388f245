"""Users: found, shown, kept out."""

from __future__ import annotations

from aiohttp import web

from funkhaus_api.keys import asker, services
from funkhaus_api.pages import Page
from funkhaus_api.places import answer
from funkhaus_api.wire.lifecycle import NewSuspension
from funkhaus_api.wire.members import known, user
from funkhaus_api.wire.reading import Query, read_body

USER = "/v1/users/{user}"
SUSPENSION = f"{USER}/suspension"


async def listed(request: web.Request) -> web.Response:
    """A page of them."""
    page = Page.of(request, "email")
    found, more = await services(request).users.page(
        asker(request), email=page.query.text("email"), after=page.after, limit=page.limit
    )
    return page.answer([user(item) for item in found], more)


async def show(request: web.Request) -> web.Response:
    """One."""
    Query(request)
    return answer(
        known(await services(request).users.get(asker(request), request.match_info["user"]))
    )


async def disable(request: web.Request) -> web.Response:
    """Have one stay out."""
    body = await read_body(request, NewSuspension)
    changed = await services(request).disabling.disable(
        asker(request), request.match_info["user"], body.reason
    )
    return answer(user(changed))


async def enable(request: web.Request) -> web.Response:
    """Let one in again."""
    Query(request)
    changed = await services(request).disabling.enable(asker(request), request.match_info["user"])
    return answer(user(changed))


ROUTES = [
    web.get("/v1/users", listed, allow_head=False),
    web.get(USER, show, allow_head=False),
    web.put(SUSPENSION, disable),
    web.delete(SUSPENSION, enable),
]
