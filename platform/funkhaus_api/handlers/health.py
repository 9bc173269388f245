"""Alive, ready, measured; and the contract."""

from __future__ import annotations

from importlib.resources import files

from aiohttp import web

from funkhaus import metrics
from funkhaus_api.keys import services

CONTRACT = files("funkhaus_api").joinpath("openapi.yaml").read_bytes()


async def alive(_request: web.Request) -> web.Response:
    """The process answers."""
    return web.Response(text="ok\n")


async def ready(request: web.Request) -> web.Response:
    """The database answers, with the schema this process knows."""
    await services(request).stores.ready()
    return web.Response(text="ready\n")


async def exposition(_request: web.Request) -> web.Response:
    """Prometheus metrics."""
    body, content_type = metrics.render()
    return web.Response(body=body, headers={"Content-Type": content_type})


async def contract(_request: web.Request) -> web.Response:
    """The OpenAPI document."""
    return web.Response(body=CONTRACT, content_type="application/yaml", charset="utf-8")


ROUTES = [
    web.get("/healthz", alive, allow_head=False),
    web.get("/readyz", ready, allow_head=False),
    web.get("/metrics", exposition, allow_head=False),
    web.get("/v1/openapi.yaml", contract, allow_head=False),
]
