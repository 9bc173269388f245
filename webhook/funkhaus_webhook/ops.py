"""Health and metrics, on a port of their own that only operators reach."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from funkhaus import metrics
from funkhaus.domain.errors import FunkhausError
from funkhaus.services.deadline import promptly

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

CHECK_SECONDS = 2.0


def application(checks: Mapping[str, Callable[[], Awaitable[object]]]) -> web.Application:
    """``/healthz`` (the process works), ``/readyz`` (every check passes) and ``/metrics``.

    A check passes or raises `FunkhausError`; it has 2 s.
    """
    app = web.Application()

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        said = await asyncio.gather(*(_said(check) for check in checks.values()))
        report = dict(zip(checks, said, strict=True))
        ready = all(text == "ok" for text in said)
        return web.json_response({"ready": ready, "checks": report}, status=200 if ready else 503)

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


async def _said(check: Callable[[], Awaitable[object]]) -> str:
    try:
        await promptly(CHECK_SECONDS, _passed(check))
    except TimeoutError:
        return f"no answer within {CHECK_SECONDS:g} s"
    except FunkhausError as error:
        return error.message
    return "ok"


async def _passed(check: Callable[[], Awaitable[object]]) -> None:
    await check()
