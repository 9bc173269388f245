"""Users who stay out."""

from __future__ import annotations

from aiohttp import web

from funkhaus_api.keys import asker, services
from funkhaus_api.places import answer
from funkhaus_api.wire.lifecycle import NewSuspension
from funkhaus_api.wire.members import user
from funkhaus_api.wire.reading import Query, read_body

SUSPENSION = "/v1/users/{user}/suspension"


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


ROUTES = [web.put(SUSPENSION, disable), web.delete(SUSPENSION, enable)]
