"""One call: whose it is, a place to wait, a replica, its answer; or words why there is none."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aiohttp import web

from funkhaus import logs, metrics
from funkhaus.domain.errors import (
    ForbiddenError,
    FunkhausError,
    InvalidError,
    NotFoundError,
    TimedOutError,
    TooLargeError,
    TooManyError,
    UnavailableError,
)
from funkhaus.services.waking import UnknownCallerError
from funkhaus_waker.passing import BrokenError, NotTakenError

if TYPE_CHECKING:
    from funkhaus.services.waking import Finder, Room, Rouser, Target
    from funkhaus_waker.passing import Passing

ATTEMPTS = 3
"""Replicas a call is offered to; none of them has taken anything of it."""
RETRY_SECONDS = 5
MEDIA_TYPE = "application/problem+json"
_LOG = logs.logger(__name__)
_PROBLEMS: tuple[tuple[type[FunkhausError], int, str, str], ...] = (
    (NotFoundError, 404, "No such function", "unknown"),
    (InvalidError, 404, "No such function", "unknown"),
    (TooLargeError, 413, "The body is too large", "refused"),
    (TooManyError, 503, "Too many calls wait", "refused"),
    (TimedOutError, 503, "The function did not wake in time", "late"),
    (BrokenError, 502, "The function's answer broke off", "broken"),
    (UnavailableError, 503, "The function can't be woken now", "unavailable"),
    (UnknownCallerError, 403, "Nobody knows who calls", "stranger"),
    (ForbiddenError, 503, "The function can't be woken now", "unavailable"),
)


class Calls:
    """Answers whatever comes to the port."""

    def __init__(self, finder: Finder, room: Room, rouser: Rouser, passing: Passing) -> None:
        self._finder, self._room = finder, room
        self._rouser, self._passing = rouser, passing

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One call. Every answer ends its connection, so that the next call finds the replica itself."""
        try:
            path = request.raw_path.partition("?")[0]
            target = await self._finder.find(
                request.remote or "", request.host, path, request.method
            )
            with self._room.place(target):
                metrics.WAKER_HELD.inc()
                try:
                    answer = await self._answer(request, target)
                finally:
                    metrics.WAKER_HELD.dec()
        except FunkhausError as error:
            return _problem(error)
        metrics.WAKER_CALLS.labels("passed").inc()
        return answer

    async def _answer(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        began, refused = time.monotonic(), NotTakenError("no replica took the call")
        self._passing.check(request)
        for _ in range(ATTEMPTS):
            host = await self._rouser.replica(target)
            try:
                return await self._passing.send(
                    request, host, lambda: metrics.WAKER_SECONDS.observe(time.monotonic() - began)
                )
            except NotTakenError as error:
                self._rouser.doubt(target, host)
                refused = error
        raise refused


def _problem(error: FunkhausError) -> web.Response:
    status, title, outcome = next(
        (
            (status, title, outcome)
            for kind, status, title, outcome in _PROBLEMS
            if isinstance(error, kind)
        ),
        (503, "The function can't be woken now", "unavailable"),
    )
    metrics.WAKER_CALLS.labels(outcome).inc()
    log = _LOG.warning if isinstance(error, UnknownCallerError) else _LOG.info
    log("call not answered", outcome=outcome, error=error.message)
    retry = error.retry_seconds if isinstance(error, TooManyError) else RETRY_SECONDS
    response = web.json_response(
        {
            "type": "about:blank",
            "title": title,
            "status": status,
            "detail": error.message,
            "code": error.code,
        },
        status=status,
        headers={"Retry-After": str(retry)} if status == 503 else None,  # noqa: PLR2004 - the status just chosen
        content_type=MEDIA_TYPE,
    )
    response.force_close()
    return response
