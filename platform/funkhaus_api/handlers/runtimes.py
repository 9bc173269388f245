"""The catalogue of runtimes."""

from __future__ import annotations

from aiohttp import web

from funkhaus_api.keys import asker, services
from funkhaus_api.pages import Page


async def listed(request: web.Request) -> web.Response:
    """All of them."""
    page = Page.of(request)
    items = [
        {
            "id": runtime.id,
            "status": runtime.status.value,
            "image": runtime.image,
            "dependencyFile": runtime.dependency_file,
            "fileSuffix": runtime.file_suffix,
        }
        for runtime in await services(request).runtimes.list(asker(request))
    ]
    return page.cut(items, lambda item: str(item["id"]), lambda item: item)


ROUTES = [web.get("/v1/runtimes", listed, allow_head=False)]
