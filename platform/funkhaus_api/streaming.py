"""Lines as they come, for as long as somebody reads them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from aiohttp import web

from funkhaus.domain.errors import FunkhausError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

GLANCE_SECONDS = 5.0
"""How often a silent stream looks whether its reader is there still."""


async def stream(request: web.Request, lines: AsyncIterator[bytes]) -> web.StreamResponse:
    """The answer; what goes wrong once it has begun is its last line."""
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
