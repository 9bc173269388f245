"""Requests for tenants above self-service."""

from __future__ import annotations

from aiohttp import web

from funkhaus_api.keys import asker, services
from funkhaus_api.pages import Page
from funkhaus_api.places import CREATED, answer
from funkhaus_api.wire.quota_requests import Decision
from funkhaus_api.wire.reading import Query, read_body
from funkhaus_api.wire.tenant_requests import NewTenantRequest
from funkhaus_api.wire.tenant_requests import request as shown

REQUESTS = "/v1/tenant-requests"
ONE = f"{REQUESTS}/{{request}}"


async def ask(request: web.Request) -> web.Response:
    """A new one."""
    body = await read_body(request, NewTenantRequest)
    made = await services(request).tenant_requests.ask(
        asker(request), body.id, body.plan, body.display_name, body.reason
    )
    return answer(shown(made), CREATED)


async def mine(request: web.Request) -> web.Response:
    """The asker's."""
    page = Page.of(request)
    found, more = await services(request).tenant_requests.mine(
        asker(request), after=page.after, limit=page.limit
    )
    return page.answer([shown(item) for item in found], more)


async def pending(request: web.Request) -> web.Response:
    """What waits."""
    page = Page.of(request)
    found, more = await services(request).tenant_requests.pending(
        asker(request), after=page.after, limit=page.limit
    )
    return page.answer([shown(item) for item in found], more)


async def approve(request: web.Request) -> web.Response:
    """Yes."""
    return await _decided(request, approve=True)


async def reject(request: web.Request) -> web.Response:
    """No."""
    return await _decided(request, approve=False)


async def _decided(request: web.Request, *, approve: bool) -> web.Response:
    body = await read_body(request, Decision)
    decided = await services(request).tenant_requests.decide(
        asker(request), request.match_info["request"], approve=approve, note=body.note
    )
    return answer(shown(decided))


async def withdraw(request: web.Request) -> web.Response:
    """Taken back."""
    Query(request)
    ended = await services(request).tenant_requests.withdraw(
        asker(request), request.match_info["request"]
    )
    return answer(shown(ended))


ROUTES = [
    web.post(REQUESTS, ask),
    web.get(REQUESTS, pending, allow_head=False),
    web.get("/v1/me/tenant-requests", mine, allow_head=False),
    web.post(f"{ONE}/approve", approve),
    web.post(f"{ONE}/reject", reject),
    web.delete(ONE, withdraw),
]
