"""The six requests every kind of custom resource has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from funkhaus_api.keys import Services, asker, services
from funkhaus_api.pages import Page
from funkhaus_api.places import CREATED, NAMESPACE, NO_CONTENT, answer, place
from funkhaus_api.wire.reading import Query, read_body
from funkhaus_api.wire.resources import NewResource, Patch, Spec, resource

if TYPE_CHECKING:
    from collections.abc import Callable

    from funkhaus.services.resources import ResourceService


class Resources:
    """One kind: `plural` and `parameter` make its paths, `choose` finds its use cases."""

    def __init__(
        self, plural: str, parameter: str, choose: Callable[[Services], ResourceService]
    ) -> None:
        self._collection = f"{NAMESPACE}/{plural}"
        self._item = f"{self._collection}/{{{parameter}}}"
        self._parameter = parameter
        self._choose = choose

    def routes(self) -> list[web.RouteDef]:
        """The requests and their paths."""
        return [
            web.get(self._collection, self.list, allow_head=False),
            web.post(self._collection, self.create),
            web.get(self._item, self.get, allow_head=False),
            web.put(self._item, self.apply),
            web.patch(self._item, self.update),
            web.delete(self._item, self.delete),
        ]

    def _service(self, request: web.Request) -> ResourceService:
        return self._choose(services(request))

    def _name(self, request: web.Request) -> str:
        return request.match_info[self._parameter]

    async def list(self, request: web.Request) -> web.Response:
        """The objects of a namespace."""
        where = place(request)
        page = Page.of(request)
        found = await self._service(request).page(
            asker(request), where, limit=page.limit, after=page.after
        )
        return page.answer([resource(where, item) for item in found.items], found.after)

    async def create(self, request: web.Request) -> web.Response:
        """A new object."""
        where, dry_run = place(request), Query(request, ["dryRun"]).flag("dryRun")
        body = await read_body(request, NewResource)
        stored = await self._service(request).create(
            asker(request), where, body.name, body.spec, body.labels, dry_run=dry_run
        )
        return answer(resource(where, stored), CREATED)

    async def get(self, request: web.Request) -> web.Response:
        """One object."""
        where = place(request)
        Query(request)
        found = await self._service(request).get(asker(request), where, self._name(request))
        return answer(resource(where, found))

    async def apply(self, request: web.Request) -> web.Response:
        """Create or replace."""
        where, query = place(request), Query(request, ["force", "dryRun"])
        force, dry_run = query.flag("force"), query.flag("dryRun")
        body = await read_body(request, Spec)
        stored = await self._service(request).apply(
            asker(request), where, self._name(request), body.spec, body.labels,
            force=force, dry_run=dry_run,
        )  # fmt: skip
        return answer(resource(where, stored))

    async def update(self, request: web.Request) -> web.Response:
        """Change what is named."""
        where, dry_run = place(request), Query(request, ["dryRun"]).flag("dryRun")
        body = await read_body(request, Patch)
        stored = await self._service(request).update(
            asker(request), where, self._name(request), body.spec, dry_run=dry_run
        )
        return answer(resource(where, stored))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete."""
        Query(request)
        await self._service(request).delete(asker(request), place(request), self._name(request))
        return web.Response(status=NO_CONTENT)
