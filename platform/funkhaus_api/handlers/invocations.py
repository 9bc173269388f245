"""Calling a function, and reading what it wrote."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from aiohttp import web
from multidict import CIMultiDict

from funkhaus.domain.errors import FunkhausError
from funkhaus.services.invocations import Invocation
from funkhaus.services.replicas import LogOptions
from funkhaus_api.keys import asker, services
from funkhaus_api.places import NAMESPACE, place
from funkhaus_api.wire.reading import Query, read_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FUNCTION = f"{NAMESPACE}/functions/{{function}}"
BODY_LIMIT = 32 * 1024 * 1024
TAIL, TAIL_DEFAULT = 10_000, 1000
GLANCE_SECONDS = 5.0
"""How often a silent stream looks whether its reader is there still."""


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
    response = web.StreamResponse(headers={"Content-Type": "text/plain; charset=utf-8"})
    await response.prepare(request)
    try:
        async for line in _while_read(request, lines):
            await response.write(line)
    except FunkhausError as error:  # the status is sent: all that is left is to say it
        await response.write(f"(the log ends here: {error.message})\n".encode())
    except ConnectionResetError:
        return response
    await response.write_eof()
    return response


async def _while_read(request: web.Request, lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The lines for as long as somebody reads them: a reader who leaves a silent stream would not be noticed."""
    upcoming = asyncio.ensure_future(anext(lines))
    try:
        while True:
            done, _ = await asyncio.wait({upcoming}, timeout=GLANCE_SECONDS)
            if done:
                try:
                    line = upcoming.result()
                except StopAsyncIteration:
                    return
                upcoming = asyncio.ensure_future(anext(lines))
                yield line
            elif request.transport is None or request.transport.is_closing():
                return
    finally:
        upcoming.cancel()
        with suppress(asyncio.CancelledError, StopAsyncIteration, FunkhausError):
            await upcoming
        close = getattr(lines, "aclose", None)
        if close is not None:
            await close()


ROUTES = [
    *[
        web.route(method, f"{FUNCTION}/call", call)
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    ],
    web.get(f"{FUNCTION}/logs", read_logs, allow_head=False),
]
