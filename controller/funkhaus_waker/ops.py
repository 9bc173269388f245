"""Health and metrics, on a port of their own that only operators reach."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from funkhaus import metrics
from funkhaus.domain.errors import FunkhausError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

CHECK_SECONDS = 2.0


def application(ready: Callable[[], Awaitable[str]]) -> web.Application:
    """``/healthz`` (the loop turns), ``/readyz`` (`ready` gives nothing to say within 2 s) and ``/metrics``."""
    app = web.Application()

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                why = await ready()
        except TimeoutError:
            why = f"no answer within {CHECK_SECONDS:g} s"
        except FunkhausError as error:
            why = error.message
        return web.json_response({"ready": not why, "why": why}, status=503 if why else 200)

    async def exposition(_: web.Request) -> web.Response:
        body, content_type = metrics.render()
        return web.Response(body=body, headers={"Content-Type": content_type})

    app.add_routes(
        [
            web.get("/healthz", healthz),
            web.get("/readyz", readyz),
            web.get("/metrics", exposition),
        ]
    )
    return app
