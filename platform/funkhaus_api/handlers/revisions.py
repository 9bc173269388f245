"""A function's revisions, going back to one, and having one for all calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from funkhaus.services.revisions import named
from funkhaus_api.keys import asker, services
from funkhaus_api.pages import Page
from funkhaus_api.places import NAMESPACE, answer, place
from funkhaus_api.wire.reading import Query, read_body
from funkhaus_api.wire.resources import resource
from funkhaus_api.wire.revisions import Promote, Rollback, promotion, revision, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.domain.revision import Kept

FUNCTION = f"{NAMESPACE}/functions/{{function}}"
REVISIONS = f"{FUNCTION}/revisions"


async def history(request: web.Request) -> web.Response:
    """What is kept, newest first."""
    where, page = place(request), Page.of(request)
    use = services(request).revisions
    found = await use.all(asker(request), where, request.match_info["function"])
    names, before = await use.names(asker(request), where), _before(found)
    return page.cut(
        found,
        lambda item: f"{item.created_at} {item.name}",
        lambda item: revision(item, before[item.name], names),
        descending=True,
    )


async def show(request: web.Request) -> web.Response:
    """One, with all it was made of."""
    where, name = place(request), request.match_info["function"]
    Query(request)
    use = services(request).revisions
    found = await use.all(asker(request), where, name)
    item = named(found, name, request.match_info["revision"])
    return answer(whole(item, _before(found)[item.name], await use.names(asker(request), where)))


async def rollback(request: web.Request) -> web.Response:
    """Ask for an earlier revision again."""
    where, dry_run = place(request), Query(request, ["dryRun"]).flag("dryRun")
    body = await read_body(request, Rollback)
    stored = await services(request).revisions.rollback(
        asker(request), where, request.match_info["function"], body.revision, dry_run=dry_run
    )
    return answer(resource(where, stored))


async def promote(request: web.Request) -> web.Response:
    """One revision for all calls; 202 while it does not serve yet: ask again."""
    where, dry_run = place(request), Query(request, ["dryRun"]).flag("dryRun")
    body = await read_body(request, Promote)
    found = await services(request).promotion.promote(
        asker(request), where, request.match_info["function"], body.revision, dry_run=dry_run
    )
    return answer(promotion(where, found), 200 if found.done or dry_run else 202)


def _before(found: Sequence[Kept]) -> dict[str, Kept | None]:
    """For each the one made before it."""
    return {item.name: before for item, before in zip(found, [None, *found], strict=False)}


ROUTES = [
    web.get(REVISIONS, history, allow_head=False),
    web.get(f"{REVISIONS}/{{revision}}", show, allow_head=False),
    web.post(f"{FUNCTION}/rollback", rollback),
    web.post(f"{FUNCTION}/promote", promote),
]
