"""Functions, beside what every resource has: scaling, archives, description."""

from __future__ import annotations

from aiohttp import web

from funkhaus.domain.archive import ARCHIVE_LIMIT
from funkhaus.domain.function import Scaling
from funkhaus_api.keys import asker, services
from funkhaus_api.places import CREATED, NAMESPACE, answer, place
from funkhaus_api.resources import Resources
from funkhaus_api.wire import loads
from funkhaus_api.wire.descriptions import description
from funkhaus_api.wire.reading import Query, read_body, read_bytes
from funkhaus_api.wire.resources import NewScaling, resource

FUNCTION = f"{NAMESPACE}/functions/{{function}}"


async def scale(request: web.Request) -> web.Response:
    """Set replicas and the autoscaler's target."""
    where, body = place(request), await read_body(request, NewScaling)
    stored = await services(request).functions.scale(
        asker(request),
        where,
        request.match_info["function"],
        Scaling(min=body.min, max=body.max, cpu_percent=body.cpu_percent, idle=body.idle),
    )
    return answer(resource(where, stored))


async def unscale(request: web.Request) -> web.Response:
    """Back to one replica."""
    where = place(request)
    stored = await services(request).functions.unscale(
        asker(request), where, request.match_info["function"]
    )
    return answer(resource(where, stored))


async def describe(request: web.Request) -> web.Response:
    """Everything about one function."""
    where = place(request)
    found = await services(request).descriptions.of(
        asker(request), where, request.match_info["function"]
    )
    return answer(description(where, found))


async def load(request: web.Request) -> web.Response:
    """What its replicas do and use now."""
    Query(request)
    name = request.match_info["function"]
    found = await services(request).loads.of(asker(request), place(request), name)
    return answer(loads.load(name, found))


async def upload(request: web.Request) -> web.Response:
    """A source archive."""
    content = await read_bytes(request, ARCHIVE_LIMIT)
    digest = await services(request).functions.upload(asker(request), place(request), content)
    return answer({"digest": digest, "size": len(content)}, CREATED)


async def download(request: web.Request) -> web.Response:
    """A source archive, as it came."""
    Query(request)
    content = await services(request).functions.download(
        asker(request), place(request), request.match_info["digest"]
    )
    return web.Response(body=content, content_type="application/octet-stream")


ROUTES = [
    *Resources("functions", "function", lambda services: services.functions).routes(),
    web.put(f"{FUNCTION}/scaling", scale),
    web.delete(f"{FUNCTION}/scaling", unscale),
    web.get(f"{FUNCTION}/description", describe, allow_head=False),
    web.get(f"{FUNCTION}/load", load, allow_head=False),
    web.post(f"{NAMESPACE}/archives", upload),
    web.get(f"{NAMESPACE}/archives/{{digest}}", download, allow_head=False),
]
