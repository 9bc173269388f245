"""A tenant's members."""

from __future__ import annotations

from aiohttp import web

from funkhaus.domain.subject import Role
from funkhaus_api.keys import asker, services
from funkhaus_api.pages import Page
from funkhaus_api.places import TENANT, answer
from funkhaus_api.wire.members import NewMember, left, member, member_rule
from funkhaus_api.wire.reading import Query, read_body


async def put(request: web.Request) -> web.Response:
    """Somebody becomes a member, or gets another role."""
    body = await read_body(request, NewMember)
    body.check()
    tenant, use_cases = request.match_info["tenant"], services(request).members
    user = body.user
    if user is None:
        user = await use_cases.identify(asker(request), tenant, body.issuer, body.sub)
    made, behind = await use_cases.put(
        asker(request), tenant, user, Role(body.role), revoke_tokens=body.revoke_tokens
    )
    return answer({**member(made), "left": left(behind)})


async def listed(request: web.Request) -> web.Response:
    """A page of them."""
    page = Page.of(request)
    found, more = await services(request).members.page(
        asker(request), request.match_info["tenant"], after=page.after, limit=page.limit
    )
    return page.answer([member(item) for item in found], more)


async def rules(request: web.Request) -> web.Response:
    """A page of the rules that give roles here."""
    page = Page.of(request)
    found = await services(request).members.rules(asker(request), request.match_info["tenant"])
    numbered = enumerate(found)
    return page.cut(numbered, lambda pair: f"{pair[0]:06}", lambda pair: member_rule(pair[1]))


async def remove(request: web.Request) -> web.Response:
    """Somebody is no member any more, or leaves."""
    revoke_tokens = Query(request, ["revokeTokens"]).flag("revokeTokens")
    behind = await services(request).members.remove(
        asker(request),
        request.match_info["tenant"],
        request.match_info["user"],
        revoke_tokens=revoke_tokens,
    )
    return answer(left(behind))


ROUTES = [
    web.post(f"{TENANT}/members", put),
    web.get(f"{TENANT}/members", listed, allow_head=False),
    web.delete(f"{TENANT}/members/{{user}}", remove),
    web.get(f"{TENANT}/member-rules", rules, allow_head=False),
]
