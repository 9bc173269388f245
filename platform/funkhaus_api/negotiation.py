"""What every path answers alike: HEAD where there is a GET, OPTIONS with what passes, and Accept that has to fit."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from aiohttp import web

from funkhaus.domain.errors import NotAcceptableError
from funkhaus.domain.verdict import Finding
from funkhaus_api.wire.reading import MalformedError, legible

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from aiohttp.typedefs import Handler, Middleware

_FITS = {"*/*", "application/*", "application/json", "application/problem+json"}
_ZERO = {"q=0", "q=0.0", "q=0.00", "q=0.000"}


def completed(routes: Iterable[web.RouteDef], own: Collection[object]) -> list[web.RouteDef]:
    """HEAD and OPTIONS for `routes`; GETs whose handlers are in `own` get no HEAD."""
    methods: dict[str, set[str]] = defaultdict(set)
    added: list[web.RouteDef] = []
    for route in routes:
        methods[route.path].add(route.method)
        if route.method == "GET" and route.handler not in own:
            methods[route.path].add("HEAD")
            added.append(web.head(route.path, route.handler))
    added += [web.options(path, _options({*verbs, "OPTIONS"})) for path, verbs in methods.items()]
    return added


async def expected(request: web.Request) -> None:
    """Answer ``Expect: 100-continue``, and ignore any other expectation, as RFC 9110 leaves open."""
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def expecting(routes: Iterable[web.RouteDef]) -> list[web.RouteDef]:
    """`routes` with `expected`: the library's own handler answers 417 outside of all middlewares."""
    return [
        web.RouteDef(
            item.method, item.path, item.handler, {**item.kwargs, "expect_handler": expected}
        )
        for item in routes
    ]


def _options(allowed: set[str]) -> Handler:
    header = ", ".join(sorted(allowed))

    async def options(_request: web.Request) -> web.Response:
        return web.Response(status=204, headers={"Allow": header})

    return options


def acceptable(exempt: Collection[Handler]) -> Middleware:
    """Refuse a request whose address nobody can read, or that takes nothing we speak, before it does anything.

    `exempt` handlers speak other types.
    """

    @web.middleware
    async def fitting(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not (legible(request.path) and all(map(legible, request.query.values()))):
            raise MalformedError("the address holds %00 or half a character")
        accept = request.headers.get("Accept")
        if accept and request.match_info.handler not in exempt and not _fits(accept):
            finding = Finding(
                "accept",
                "application/json passes",
                "Accept",
                value=accept[:80],
                passes="application/json",
            )
            raise NotAcceptableError(finding.sentence, findings=[finding])
        return await handler(request)

    return fitting


def _fits(accept: str) -> bool:
    for item in accept.split(","):
        kind, *parameters = [part.strip().lower() for part in item.split(";")]
        if kind in _FITS and not _ZERO & set(parameters):
            return True
    return False
