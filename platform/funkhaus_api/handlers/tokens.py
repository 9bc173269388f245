"""A tenant's API tokens."""

from __future__ import annotations

from aiohttp import web

from funkhaus.domain.subject import Role
from funkhaus_api.keys import asker, services
from funkhaus_api.pages import Page
from funkhaus_api.places import CREATED, TENANT, answer
from funkhaus_api.wire.reading import read_body
from funkhaus_api.wire.tokens import NewToken, issued, token


async def issue(request: web.Request) -> web.Response:
    """A new token, with its text."""
    body = await read_body(request, NewToken)
    made = await services(request).tokens.issue(
        asker(request),
        request.match_info["tenant"],
        body.name,
        Role(body.role),
        body.expires_in_days,
    )
    return answer(issued(made), CREATED)


async def listed(request: web.Request) -> web.Response:
    """All of a tenant's, without their texts."""
    page = Page.of(request)
    found = await services(request).tokens.list(asker(request), request.match_info["tenant"])
    return page.cut(
        found, lambda item: f"{item.created_at.isoformat()} {item.id}", token, descending=True
    )


async def revoke(request: web.Request) -> web.Response:
    """End one."""
    ended = await services(request).tokens.revoke(
        asker(request), request.match_info["tenant"], request.match_info["token"]
    )
    return answer(token(ended))


ROUTES = [
    web.post(f"{TENANT}/tokens", issue),
    web.get(f"{TENANT}/tokens", listed, allow_head=False),
    web.delete(f"{TENANT}/tokens/{{token}}", revoke),
]
