"""Calling a function, and reading what it wrote."""

from __future__ import annotations

from aiohttp import web
from multidict import CIMultiDict

from funkhaus.services.invocations import Invocation
from funkhaus.services.replicas import LogOptions
from funkhaus_api.keys import asker, services
from funkhaus_api.places import NAMESPACE, place
from funkhaus_api.streaming import stream
from funkhaus_api.wire.reading import Query, read_bytes

FUNCTION = f"{NAMESPACE}/functions/{{function}}"
BODY_LIMIT = 32 * 1024 * 1024
TAIL, TAIL_DEFAULT = 10_000, 1000


async def call(request: web.Request) -> web.Response:
    """The function's answer as it is."""
    query = Query(request, ["path", "query"])
    body = await read_bytes(request, BODY_LIMIT)
    answer = await services(request).invocations.call(
        asker(request),
        place(request),
        request.match_info["function"],
        Invocation(
            method=request.method,
            path=query.text("path", "/"),
            query=query.text("query"),
            headers=tuple(request.headers.items()),
            body=body,
        ),
    )
    headers = CIMultiDict(answer.headers)
    headers["Funkhaus-Answered-By"] = "function"
    return web.Response(status=answer.status, body=answer.body, headers=headers)


async def read_logs(request: web.Request) -> web.StreamResponse:
    """Lines as they come."""
    query = Query(request, ["tail", "follow", "previous"])
    options = LogOptions(
        tail=query.whole("tail", TAIL_DEFAULT, most=TAIL),
        previous=query.flag("previous"),
        follow=query.flag("follow"),
    )
    lines = await services(request).logs.lines(
        asker(request), place(request), request.match_info["function"], options
    )
    return await stream(request, lines)


ROUTES = [
    *[
        web.route(method, f"{FUNCTION}/call", call)
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    ],
    web.get(f"{FUNCTION}/logs", read_logs, allow_head=False),
]
