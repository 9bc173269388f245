"""Audit logs: a tenant's, and the platform's own."""

from __future__ import annotations

import asyncio

from aiohttp import web

from funkhaus.domain.audit import PLATFORM
from funkhaus.domain.audit_export import line, public_key
from funkhaus.domain.errors import FunkhausError
from funkhaus_api.keys import asker, services
from funkhaus_api.pages import Page
from funkhaus_api.places import TENANT, answer
from funkhaus_api.wire import audit as wire
from funkhaus_api.wire.reading import Query

EXPORT_SECONDS = 300.0
"""For one export, reader included."""
CHUNK = 64 * 1024


def _chain(request: web.Request) -> str:
    return request.match_info.get("tenant", PLATFORM)


async def listed(request: web.Request) -> web.Response:
    """A page of rows, newest first."""
    page = Page.of(request, *wire.FILTERS)
    found, before = await services(request).audit.page(
        asker(request),
        _chain(request),
        wire.wanted(page.query),
        before=int(page.after or 0),
        limit=page.limit,
    )
    return page.answer([wire.listed(item) for item in found], str(before or ""))


async def verification(request: web.Request) -> web.Response:
    """Whether the chain is what was written."""
    after = wire.position(Query(request, ["after"]))
    found = await services(request).audit.verification(asker(request), _chain(request), after)
    return answer(wire.verification(_chain(request), found))


async def export(request: web.Request) -> web.StreamResponse:
    """Rows, checkpoints and public keys, a line of JSON each."""
    after = wire.position(Query(request, ["after"]))
    lines = await services(request).audit.export(asker(request), _chain(request), after)
    response = web.StreamResponse(headers={"Content-Type": "application/jsonl"})
    await response.prepare(request)
    waiting = bytearray()
    try:
        async with asyncio.timeout(EXPORT_SECONDS):
            async for document in lines:
                waiting += line(document)
                if len(waiting) >= CHUNK:
                    await response.write(bytes(waiting))
                    waiting.clear()
            await response.write(bytes(waiting))
    except (FunkhausError, TimeoutError, ConnectionResetError):
        # The status is sent: a reader knows a whole export by its last line, and this one lacks it.
        return response
    await response.write_eof()
    return response


async def keys(request: web.Request) -> web.Response:
    """Whose signatures on checkpoints count."""
    Query(request)
    known = services(request).audit.keys()
    return answer({"algorithm": "Ed25519", "items": [public_key(item) for item in known]})


ROUTES = [
    web.get("/v1/audit", listed, allow_head=False),
    web.get("/v1/audit/verification", verification, allow_head=False),
    web.get("/v1/audit/export", export, allow_head=False),
    web.get("/v1/audit/keys", keys, allow_head=False),
    web.get(f"{TENANT}/audit", listed, allow_head=False),
    web.get(f"{TENANT}/audit/verification", verification, allow_head=False),
    web.get(f"{TENANT}/audit/export", export, allow_head=False),
]
