"""A tenant's API tokens."""

from __future__ import annotations

from aiohttp import web

from funkhaus_api.keys import asker, services
from funkhaus_api.pages import Page
from funkhaus_api.places import CREATED, TENANT, answer
from funkhaus_api.wire.reading import read_body
from funkhaus_api.wire.tokens import NewToken, Rotation, issued, token


async def issue(request: web.Request) -> web.Response:
    """A new token, with its text."""
    body = await read_body(request, NewToken)
    made = await services(request).tokens.issue(
        asker(request), request.match_info["tenant"], body.order()
    )
    return answer(issued(made), CREATED)


async def listed(request: web.Request) -> web.Response:
    """A page of a tenant's, without their texts."""
    page = Page.of(request)
    found, more = await services(request).tokens.page(
        asker(request), request.match_info["tenant"], after=page.after, limit=page.limit
    )
    return page.answer([token(item) for item in found], more)


async def rotate(request: web.Request) -> web.Response:
    """Another text for one."""
    body = await read_body(request, Rotation)
    made = await services(request).tokens.rotate(
        asker(request),
        request.match_info["tenant"],
        request.match_info["token"],
        grace=body.grace_seconds,
        days=body.expires_in_days,
    )
    return answer(issued(made))


async def revoke(request: web.Request) -> web.Response:
    """End one."""
    ended = await services(request).tokens.revoke(
        asker(request), request.match_info["tenant"], request.match_info["token"]
    )
    return answer(token(ended))


async def of_admins(request: web.Request) -> web.Response:
    """A page of platform admins'."""
    page = Page.of(request)
    found, more = await services(request).tokens.admin_page(
        asker(request), after=page.after, limit=page.limit
    )
    return page.answer([token(item) for item in found], more)


async def revoke_admin(request: web.Request) -> web.Response:
    """End one of these."""
    ended = await services(request).tokens.revoke_admin(asker(request), request.match_info["token"])
    return answer(token(ended))


ROUTES = [
    web.get("/v1/platform/tokens", of_admins, allow_head=False),
    web.delete("/v1/platform/tokens/{token}", revoke_admin),
    web.post(f"{TENANT}/tokens", issue),
    web.get(f"{TENANT}/tokens", listed, allow_head=False),
    web.post(f"{TENANT}/tokens/{{token}}/rotate", rotate),
    web.delete(f"{TENANT}/tokens/{{token}}", revoke),
]
