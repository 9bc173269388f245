"""Requests for more quota."""

from __future__ import annotations

from aiohttp import web

from funkhaus.domain.quota import Counts
from funkhaus_api.keys import asker, services
from funkhaus_api.pages import Page
from funkhaus_api.places import CREATED, TENANT, answer
from funkhaus_api.wire.quota_requests import Decision, NewQuotaRequest
from funkhaus_api.wire.quota_requests import request as shown
from funkhaus_api.wire.reading import Query, read_body

REQUESTS = f"{TENANT}/quota/requests"
ONE = f"{REQUESTS}/{{request}}"


def _where(request: web.Request) -> tuple[str, str]:
    return request.match_info["tenant"], request.match_info["request"]


async def ask(request: web.Request) -> web.Response:
    """A new one."""
    body = await read_body(request, NewQuotaRequest)
    made = await services(request).quota_requests.ask(
        asker(request), request.match_info["tenant"], body.namespace, body.extra.quota(),
        body.reason, body.days, Counts(body.extra.namespaces, body.extra.tokens),
    )  # fmt: skip
    return answer(shown(made), CREATED)


async def listed(request: web.Request) -> web.Response:
    """The tenant's."""
    page = Page.of(request)
    found, more = await services(request).quota_requests.page(
        asker(request), request.match_info["tenant"], after=page.after, limit=page.limit
    )
    return page.answer([shown(item) for item in found], more)


async def pending(request: web.Request) -> web.Response:
    """What waits, in all tenants."""
    page = Page.of(request)
    found, more = await services(request).quota_requests.pending(
        asker(request), after=page.after, limit=page.limit
    )
    return page.answer([shown(item) for item in found], more)


async def approve(request: web.Request) -> web.Response:
    """Yes."""
    body = await read_body(request, Decision)
    decided = await services(request).quota_requests.decide(
        asker(request), *_where(request), approve=True, note=body.note
    )
    return answer(shown(decided))


async def reject(request: web.Request) -> web.Response:
    """No."""
    body = await read_body(request, Decision)
    decided = await services(request).quota_requests.decide(
        asker(request), *_where(request), approve=False, note=body.note
    )
    return answer(shown(decided))


async def give_back(request: web.Request) -> web.Response:
    """Withdrawn, or given back."""
    Query(request)
    ended = await services(request).quota_requests.give_back(asker(request), *_where(request))
    return answer(shown(ended))


ROUTES = [
    web.get("/v1/quota-requests", pending, allow_head=False),
    web.post(REQUESTS, ask),
    web.get(REQUESTS, listed, allow_head=False),
    web.post(f"{ONE}/approve", approve),
    web.post(f"{ONE}/reject", reject),
    web.delete(ONE, give_back),
]
