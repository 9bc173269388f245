"""Around every request, from the outside in: id, measure, problems, deadline, identity."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog
from aiohttp import web

from funkhaus import logs
from funkhaus.domain.errors import FunkhausError, TimedOutError
from funkhaus.metrics import API_REQUESTS, API_SECONDS
from funkhaus_api import problems
from funkhaus_api.keys import LIMITS, PROXIES, REQUEST_ID, SUBJECT, services

if TYPE_CHECKING:
    from collections.abc import Collection

    from aiohttp.typedefs import Handler, Middleware

HEADER = "X-Request-Id"
QUIET = {"/healthz", "/readyz", "/metrics"}
"""Routes asked all the time: counted, not logged."""
_LOG = logs.logger("funkhaus_api.requests")


@web.middleware
async def identified(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id, always our own: one from outside could be somebody else's in the audit log."""
    request[REQUEST_ID] = uuid4().hex
    with structlog.contextvars.bound_contextvars(request_id=request[REQUEST_ID]):
        return await handler(request)


async def stamp(request: web.Request, response: web.StreamResponse) -> None:
    """On every answer, streamed ones too: its id, and that nothing may be kept or guessed about it."""
    response.headers[HEADER] = request.get(REQUEST_ID, "")
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"


@web.middleware
async def measured(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count, time and log. The route is the pattern, never what a user wrote into the path."""
    resource = request.match_info.route.resource
    route = resource.canonical if resource else "unmatched"
    method = request.method if resource else "other"
    began, status = time.monotonic(), 499
    try:
        response = await handler(request)
        status = response.status
        return response
    finally:
        seconds = time.monotonic() - began
        API_REQUESTS.labels(method, route, str(status)).inc()
        API_SECONDS.labels(route).observe(seconds)
        if route not in QUIET:
            subject = request.get(SUBJECT)
            _LOG.info(
                "request",
                method=method,
                route=route,
                status=status,
                milliseconds=round(seconds * 1000, 1),
                subject=subject.username if subject else "",
                token_id=subject.token_id if subject else "",
            )


@web.middleware
async def explained(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every failure is a problem document; a bug is logged with its traceback and told by its id only."""
    request_id = request[REQUEST_ID]
    try:
        return await handler(request)
    except FunkhausError as error:
        return problems.of_error(error, request_id)
    except web.HTTPException as error:
        return problems.of_http(error, request_id)
    except (asyncio.CancelledError, ConnectionResetError):
        raise
    except Exception:  # noqa: BLE001 - the last door: whatever it is, it gets an answer and a log entry
        _LOG.exception("request failed", method=request.method)
        return problems.of_fault(request_id)


def deadline(patient: Collection[Handler]) -> Middleware:
    """Bound how long a request may take; `patient` handlers bound themselves."""

    @web.middleware
    async def bounded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.match_info.handler in patient:
            return await handler(request)
        seconds = request.config_dict[LIMITS].seconds
        try:
            async with asyncio.timeout(seconds):
                return await handler(request)
        except TimeoutError as error:
            raise TimedOutError(f"the request was not done within {seconds:g} s") from error

    return bounded


def identity(public: Collection[Handler]) -> Middleware:
    """Know who asks before anything else happens; `public` handlers answer everybody."""

    @web.middleware
    async def known(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.match_info.handler in public:
            return await handler(request)
        header = request.headers.get("Authorization")
        address = request.config_dict[PROXIES].client(request)
        request[SUBJECT] = await services(request).identities.of_header(
            header, address, request[REQUEST_ID]
        )
        return await handler(request)

    return known
