"""Approvals: what waits for one, and the word that decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from funkhaus.domain.approval import ApprovalState
from funkhaus.domain.errors import InvalidError
from funkhaus.domain.verdict import Finding
from funkhaus_api.keys import asker, services
from funkhaus_api.pages import Page
from funkhaus_api.places import TENANT, answer
from funkhaus_api.preconditions import guarded, matching
from funkhaus_api.wire.approvals import Anew, No, Yes
from funkhaus_api.wire.approvals import approval as shown
from funkhaus_api.wire.reading import Query, read_body

if TYPE_CHECKING:
    from funkhaus.domain.approval import Approval

APPROVALS = f"{TENANT}/approvals"
ONE = f"{APPROVALS}/{{approval}}"


def _where(request: web.Request) -> tuple[str, str]:
    return request.match_info["tenant"], request.match_info["approval"]


async def listed(request: web.Request) -> web.Response:
    """The tenant's."""
    page = Page.of(request, "state")
    found, more = await services(request).approvals.page(
        asker(request),
        request.match_info["tenant"],
        _state(page.query),
        after=page.after,
        limit=page.limit,
    )
    return page.answer([shown(item) for item in found], more)


def _state(query: Query) -> ApprovalState | None:
    text = query.text("state")
    if not text:
        return None
    try:
        return ApprovalState(text)
    except ValueError as error:
        passes = [state.value for state in ApprovalState]
        message = f"{', '.join(passes)} pass"
        raise InvalidError.at(
            Finding("query-value", message, "state", value=text[:80], passes=passes)
        ) from error


async def pending(request: web.Request) -> web.Response:
    """What waits, in all tenants."""
    page = Page.of(request)
    found, more = await services(request).approvals.pending(
        asker(request), after=page.after, limit=page.limit
    )
    return page.answer([shown(item) for item in found], more)


async def show(request: web.Request) -> web.Response:
    """One."""
    Query(request)
    return answer(shown(await services(request).approvals.show(asker(request), *_where(request))))


@guarded(required=True, inside=True)
async def approve(request: web.Request) -> web.Response:
    """Yes."""
    body = await read_body(request, Yes)
    decided = await services(request).approvals.approve(
        asker(request), *_where(request), matching(request, _answered), reason=body.reason, until=body.end
    )  # fmt: skip
    return _answered(decided)


@guarded(required=True, inside=True)
async def reject(request: web.Request) -> web.Response:
    """No."""
    body = await read_body(request, No)
    decided = await services(request).approvals.reject(
        asker(request), *_where(request), matching(request, _answered), reason=body.reason
    )
    return _answered(decided)


@guarded(required=True, inside=True)
async def renew(request: web.Request) -> web.Response:
    """The same asked for anew: another approval."""
    body = await read_body(request, Anew)
    anew = await services(request).approvals.renew(
        asker(request), *_where(request), matching(request, _answered), reason=body.reason
    )
    return _answered(anew)


def _answered(item: Approval) -> web.Response:
    return answer(shown(item))


ROUTES = [
    web.get("/v1/approvals", pending, allow_head=False),
    web.get(APPROVALS, listed, allow_head=False),
    web.get(ONE, show, allow_head=False),
    web.post(f"{ONE}/approve", approve),
    web.post(f"{ONE}/reject", reject),
    web.post(f"{ONE}/renew", renew),
]
