"""A tenant's members."""

from __future__ import annotations

from aiohttp import web

from funkhaus.domain.subject import Role
from funkhaus_api.keys import asker, services
from funkhaus_api.pages import Page
from funkhaus_api.places import NO_CONTENT, TENANT, answer
from funkhaus_api.wire.members import NewMember, member
from funkhaus_api.wire.reading import read_body


async def put(request: web.Request) -> web.Response:
    """Somebody becomes a member, or gets another role."""
    body = await read_body(request, NewMember)
    body.check()
    tenant, use_cases = request.match_info["tenant"], services(request).members
    user = body.user
    if user is None:
        user = await use_cases.identify(asker(request), tenant, body.issuer, body.sub)
    made = await use_cases.put(asker(request), tenant, user, Role(body.role))
    return answer(member(made))


async def listed(request: web.Request) -> web.Response:
    """A page of them."""
    page = Page.of(request)
    found, more = await services(request).members.page(
        asker(request), request.match_info["tenant"], after=page.after, limit=page.limit
    )
    return page.answer([member(item) for item in found], more)


async def remove(request: web.Request) -> web.Response:
    """Somebody is no member any more, or leaves."""
    await services(request).members.remove(
        asker(request), request.match_info["tenant"], request.match_info["user"]
    )
    return web.Response(status=NO_CONTENT)


ROUTES = [
    web.post(f"{TENANT}/members", put),
    web.get(f"{TENANT}/members", listed, allow_head=False),
    web.delete(f"{TENANT}/members/{{user}}", remove),
]
