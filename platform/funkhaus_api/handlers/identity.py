"""Who the asker is."""

from __future__ import annotations

from aiohttp import web

from funkhaus_api.keys import asker
from funkhaus_api.places import answer
from funkhaus_api.wire.tokens import me


async def show(request: web.Request) -> web.Response:
    """The subject of the token."""
    return answer(me(asker(request).subject))


ROUTES = [web.get("/v1/me", show, allow_head=False)]
