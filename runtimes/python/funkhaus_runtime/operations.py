"""The port of those who run functions: health and metrics. No trigger leads here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from funkhaus_runtime.metrics import MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable

    from funkhaus_runtime.metrics import Metrics


def application(metrics: Metrics, state: Callable[[], str]) -> web.Application:
    """`/healthz` and `/readyz` answer 200 while `state` is empty and 503 with it otherwise; `/livez` always 200.

    `/healthz` means "send calls": it is what all three probes ask, and a replica that drains is no longer probed for
    life.
    """

    async def ready(_: web.Request) -> web.Response:
        why = state()
        return web.Response(status=503 if why else 200, text=why or "OK")

    async def alive(_: web.Request) -> web.Response:
        return web.Response(text="OK")

    async def exposition(_: web.Request) -> web.Response:
        return web.Response(body=metrics.text().encode(), headers={"Content-Type": MEDIA_TYPE})

    app = web.Application()
    app.router.add_get("/healthz", ready)
    app.router.add_get("/readyz", ready)
    app.router.add_get("/livez", alive)
    app.router.add_get("/metrics", exposition)
    return app
