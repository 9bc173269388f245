"""The rules in force: for admins who change them, and for OPA, which gets them as a signed bundle.

OPA speaks its bundle protocol (https://www.openpolicyagent.org/docs/management-bundles): ETags, and with
``Prefer: wait=N`` an answer only when there is news.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aiohttp import web

from funkhaus.domain.errors import UnauthenticatedError
from funkhaus.domain.policy_set import PolicySet
from funkhaus_api.keys import asker, services
from funkhaus_api.pages import Page
from funkhaus_api.places import CREATED, answer
from funkhaus_api.preconditions import guarded, matching
from funkhaus_api.wire.policies import NewActivation, NewImpact, activation, back
from funkhaus_api.wire.policies import impact as wire_impact
from funkhaus_api.wire.reading import Query, read_body

if TYPE_CHECKING:
    from funkhaus.domain.policy_set import Activation

BUNDLE_TYPE = "application/vnd.openpolicyagent.bundles"
"""Says that waiting is understood here."""
WAIT_LIMIT = 60.0
NOT_MODIFIED = 304
_WAIT = re.compile(r"(?:^|[;, ])wait=(\d{1,4})(?:$|[;, ])")


async def listed(request: web.Request) -> web.Response:
    """What was put in force, latest first."""
    page = Page.of(request)
    found = await services(request).policies.history(
        asker(request), before=int(page.after or 0), limit=page.limit + 1
    )
    here = found[: page.limit]
    after = str(here[-1].sequence) if len(found) > page.limit else ""
    return page.answer([activation(item) for item in here], after)


async def active(request: web.Request) -> web.Response:
    """What is in force; its ETag is what an activation has to show."""
    Query(request)
    return _in_force(await services(request).policies.active(asker(request)))


def _in_force(found: Activation | None) -> web.Response:
    return answer(activation(found) if found else {})


@guarded(required=True, inside=True)
async def activate(request: web.Request) -> web.Response:
    """A new set, or one of before."""
    body = await read_body(request, NewActivation)
    policies, agreed = services(request).policies, matching(request, _in_force)
    done = (
        await policies.reactivate(asker(request), body.revision, body.reason, agreed)
        if body.revision
        else await policies.activate(asker(request), body.policies(), body.reason, agreed)
    )
    return answer(activation(done), CREATED)


async def impact(request: web.Request) -> web.Response:
    """What a set would have done, and would do; it is not put in force."""
    since = back(Query(request, ["since"]).text("since", "7d"))
    body = await read_body(request, NewImpact)
    report = await services(request).impact.report(asker(request), PolicySet(body.files), since)
    return answer(wire_impact(report))


async def bundle(request: web.Request) -> web.Response:
    """For OPA alone."""
    policies = services(request).policies
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not policies.admits(token.strip()):
        raise UnauthenticatedError("the bundle is for OPA, which has a token of its own for it")
    Query(request)
    wait = _WAIT.search(request.headers.get("Prefer", ""))
    known = request.headers.get("If-None-Match", "").removeprefix("W/")
    found = await policies.bundle(known, min(WAIT_LIMIT, float(wait[1])) if wait else 0.0)
    if found is None:
        headers = {"ETag": known, "Content-Type": BUNDLE_TYPE}
        return web.Response(status=NOT_MODIFIED, headers=headers)
    return web.Response(
        body=found.content, headers={"ETag": found.etag, "Content-Type": BUNDLE_TYPE}
    )


ROUTES = [
    web.get("/v1/policy/active", active, allow_head=False),
    web.get("/v1/policy/activations", listed, allow_head=False),
    web.post("/v1/policy/activations", activate),
    web.post("/v1/policy/impact", impact),
    web.get("/v1/policy/bundle", bundle, allow_head=False),
]
