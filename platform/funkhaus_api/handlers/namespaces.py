"""A tenant's namespaces."""

from __future__ import annotations

from aiohttp import web

from funkhaus_api.keys import asker, services
from funkhaus_api.pages import Page
from funkhaus_api.places import CREATED, NAMESPACE, NO_CONTENT, TENANT, answer, place
from funkhaus_api.wire.reading import Query, read_body
from funkhaus_api.wire.tenants import NewNamespace, namespace


async def create(request: web.Request) -> web.Response:
    """A new namespace."""
    body = await read_body(request, NewNamespace)
    made = await services(request).namespaces.create(
        asker(request), request.match_info["tenant"], body.name
    )
    return answer(namespace(made), CREATED)


async def adopt(request: web.Request) -> web.Response:
    """A Kubernetes namespace that is there already."""
    where = place(request)
    Query(request)
    made = await services(request).adoption.adopt(asker(request), where.tenant, where.namespace)
    return answer(namespace(made), CREATED)


async def listed(request: web.Request) -> web.Response:
    """A page of a tenant's."""
    page = Page.of(request)
    found, more = await services(request).namespaces.page(
        asker(request), request.match_info["tenant"], after=page.after, limit=page.limit
    )
    return page.answer([namespace(item) for item in found], more)


async def get(request: web.Request) -> web.Response:
    """One namespace, and whether the cluster has caught up."""
    where = place(request)
    state = await services(request).namespaces.get(asker(request), where.tenant, where.namespace)
    return answer(namespace(state.namespace, ready=state.ready))


async def delete(request: web.Request) -> web.Response:
    """Delete one with everything in it."""
    where = place(request)
    await services(request).namespaces.delete(asker(request), where.tenant, where.namespace)
    return web.Response(status=NO_CONTENT)


ROUTES = [
    web.post(f"{TENANT}/namespaces", create),
    web.get(f"{TENANT}/namespaces", listed, allow_head=False),
    web.get(NAMESPACE, get, allow_head=False),
    web.delete(NAMESPACE, delete),
    web.post(f"{NAMESPACE}/adoption", adopt),
]
