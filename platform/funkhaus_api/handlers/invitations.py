"""Invitations: a tenant's, and the asker's own."""

from __future__ import annotations

from aiohttp import web

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.subject import Role
from funkhaus.domain.verdict import Finding
from funkhaus_api.keys import asker, services
from funkhaus_api.pages import Page
from funkhaus_api.places import CREATED, TENANT, answer
from funkhaus_api.wire.members import Acceptance, NewInvitation, invitation, issued
from funkhaus_api.wire.reading import read_body


async def invite(request: web.Request) -> web.Response:
    """A new invitation, with its secret."""
    body = await read_body(request, NewInvitation)
    made = await services(request).invitations.invite(
        asker(request),
        request.match_info["tenant"],
        email=body.email,
        role=Role(body.role),
        days=body.expires_in_days,
    )
    return answer(issued(made, services(request).clock.now()), CREATED)


async def listed(request: web.Request) -> web.Response:
    """A tenant's, ended ones too."""
    page = Page.of(request)
    found, more = await services(request).invitations.page(
        asker(request), request.match_info["tenant"], after=page.after, limit=page.limit
    )
    now = services(request).clock.now()
    return page.answer([invitation(item, now) for item in found], more)


async def revoke(request: web.Request) -> web.Response:
    """End one."""
    ended = await services(request).invitations.revoke(
        asker(request), request.match_info["tenant"], request.match_info["invitation"]
    )
    return answer(invitation(ended, services(request).clock.now()))


async def mine(request: web.Request) -> web.Response:
    """Those to the asker's address."""
    page = Page.of(request)
    found, more = await services(request).invitations.mine(
        asker(request), after=page.after, limit=page.limit
    )
    now = services(request).clock.now()
    return page.answer([invitation(item, now) for item in found], more)


async def accept(request: web.Request) -> web.Response:
    """Take one."""
    body = await read_body(request, Acceptance)
    if bool(body.secret) == bool(body.id):
        raise InvalidError.at(
            Finding("invitation-named-once", "exactly one of secret and id passes", "secret")
        )
    taken = await services(request).invitations.accept(
        asker(request), secret=body.secret, invitation_id=body.id
    )
    return answer({"tenant": taken.tenant, "role": taken.role.value})


ROUTES = [
    web.post(f"{TENANT}/invitations", invite),
    web.get(f"{TENANT}/invitations", listed, allow_head=False),
    web.delete(f"{TENANT}/invitations/{{invitation}}", revoke),
    web.get("/v1/me/invitations", mine, allow_head=False),
    web.post("/v1/me/invitations/accept", accept),
]
