"""What a function's build wrote."""

from __future__ import annotations

from aiohttp import web

from funkhaus_api.keys import asker, services
from funkhaus_api.places import NAMESPACE, place
from funkhaus_api.streaming import stream
from funkhaus_api.wire.reading import Query


async def read_logs(request: web.Request) -> web.StreamResponse:
    """Lines as they come."""
    follow = Query(request, ["follow"]).flag("follow")
    lines = await services(request).build_logs.lines(
        asker(request), place(request), request.match_info["function"], follow=follow
    )
    return await stream(request, lines)


ROUTES = [
    web.get(f"{NAMESPACE}/functions/{{function}}/build/logs", read_logs, allow_head=False),
]
