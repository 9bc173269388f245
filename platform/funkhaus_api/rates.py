"""How often one may ask: token buckets per subject, and per client address for credentials that don't pass.

Buckets live in the process: with N replicas a subject gets up to N times the rate. There are at most `BUCKETS` of each
kind; the one idle longest is forgotten first, which gives its owner a full one. Headers are those of
draft-ietf-httpapi-ratelimit-headers: ``RateLimit-Policy`` says the rule, ``RateLimit`` what is left.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING

from aiohttp import web

from funkhaus.domain.errors import TooManyError, UnauthenticatedError
from funkhaus.domain.verdict import Finding
from funkhaus_api.keys import PROXIES, SUBJECT, services

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

BUCKETS = 20_000
WINDOW = 60
"""Seconds a limit is counted over; a full bucket may be spent at once."""
RATE: web.RequestKey[tuple[str, str]] = web.RequestKey("rate", tuple)


class Buckets:
    """Token buckets of `limit` requests, refilled evenly within `WINDOW` seconds."""

    def __init__(self, limit: int, most: int = BUCKETS) -> None:
        self.limit, self._most = limit, most
        self._per_second = limit / WINDOW
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def left(self, key: str, now: float) -> float:
        """What is in the bucket."""
        level, since = self._held.get(key, (float(self.limit), now))
        return min(self.limit, level + max(0.0, now - since) * self._per_second)

    def take(self, key: str, now: float) -> bool:
        """Take one out; false when there is none."""
        level = self.left(key, now)
        passes = level >= 1
        self._held[key] = (level - 1 if passes else level, now)
        self._held.move_to_end(key)
        while len(self._held) > self._most:
            self._held.popitem(last=False)
        return passes

    def wait(self, key: str, now: float) -> int:
        """Whole seconds until the next one passes; 0 when one passes now."""
        return max(0, math.ceil((1 - self.left(key, now)) / self._per_second))

    def refill(self, key: str, now: float) -> int:
        """Whole seconds until the bucket is full."""
        return math.ceil((self.limit - self.left(key, now)) / self._per_second)


def failures_limited(limit: int) -> Middleware:
    """Around the identity: an address whose credentials failed `limit` times in `WINDOW` is not looked up any more."""
    buckets = Buckets(limit)

    @web.middleware
    async def watched(request: web.Request, handler: Handler) -> web.StreamResponse:
        address = request.config_dict[PROXIES].home(request)
        now = services(request).clock.now().timestamp()
        if "Authorization" in request.headers and (seconds := buckets.wait(address, now)):
            raise _too_many("failed sign-ins of your address", limit, seconds)
        try:
            return await handler(request)
        except UnauthenticatedError:
            if "Authorization" in request.headers:
                buckets.take(address, now)
            raise

    return watched


def limited(limit: int) -> Middleware:
    """After the identity: at most `limit` requests of one subject in `WINDOW`."""
    buckets = Buckets(limit)

    @web.middleware
    async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
        subject = request.get(SUBJECT)
        if subject is None:
            return await handler(request)
        now = services(request).clock.now().timestamp()
        passes = buckets.take(subject.id, now)
        left, refill = int(buckets.left(subject.id, now)), buckets.refill(subject.id, now)
        request[RATE] = (f'"subject";q={limit};w={WINDOW}', f'"subject";r={left};t={refill}')
        if not passes:
            raise _too_many("requests of yours", limit, buckets.wait(subject.id, now))
        return await handler(request)

    return counted


async def stamp(request: web.Request, response: web.StreamResponse) -> None:
    """The headers, on every answer to somebody known."""
    if (rate := request.get(RATE)) is not None:
        response.headers["RateLimit-Policy"], response.headers["RateLimit"] = rate


def _too_many(what: str, limit: int, seconds: int) -> TooManyError:
    message = f"more than {limit} {what} within {WINDOW} s: try again in {seconds} s"
    finding = Finding("rate-limit", message, limit=limit, passes=limit)
    return TooManyError(message, findings=[finding], retry_seconds=seconds)
