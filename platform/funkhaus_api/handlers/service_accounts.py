"""A tenant's service accounts."""

from __future__ import annotations

from aiohttp import web

from funkhaus.domain.subject import Role
from funkhaus_api.keys import asker, services
from funkhaus_api.pages import Page
from funkhaus_api.places import CREATED, NO_CONTENT, TENANT, answer
from funkhaus_api.wire.reading import read_body
from funkhaus_api.wire.service_accounts import NewServiceAccount, service_account


async def create(request: web.Request) -> web.Response:
    """A new one."""
    body = await read_body(request, NewServiceAccount)
    made = await services(request).service_accounts.create(
        asker(request), request.match_info["tenant"], body.name, Role(body.role)
    )
    return answer(service_account(made), CREATED)


async def listed(request: web.Request) -> web.Response:
    """A page of them."""
    page = Page.of(request)
    found, more = await services(request).service_accounts.page(
        asker(request), request.match_info["tenant"], after=page.after, limit=page.limit
    )
    return page.answer([service_account(item) for item in found], more)


async def delete(request: web.Request) -> web.Response:
    """Delete one and its tokens."""
    await services(request).service_accounts.delete(
        asker(request), request.match_info["tenant"], request.match_info["account"]
    )
    return web.Response(status=NO_CONTENT)


ROUTES = [
    web.post(f"{TENANT}/serviceaccounts", create),
    web.get(f"{TENANT}/serviceaccounts", listed, allow_head=False),
    web.delete(f"{TENANT}/serviceaccounts/{{account}}", delete),
]
