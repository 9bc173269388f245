"""The two paths kube-apiserver posts to, as an aiohttp application: limits first, then the router."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from aiohttp import web

from funkhaus.domain.errors import InvalidError, TooLargeError
from funkhaus.domain.verdict import Finding
from funkhaus.services.reviews import Judgement
from funkhaus_webhook import verdict
from funkhaus_webhook.router import Phase, Router

if TYPE_CHECKING:
    from aiohttp.streams import StreamReader

BODY_SECONDS = 5.0
"""For a body to arrive: kube-apiserver's own comes at once."""
_UID = re.compile(rb'"uid"\s*:\s*"([0-9A-Za-z-]{1,128})"')
_UID_WITHIN = 4096
"""Bytes of a review that hold its uid: kube-apiserver writes it first."""
_DURATION = re.compile(r"(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?\Z")


def application(router: Router, *, review_limit: int) -> web.Application:
    """``POST /mutate`` and ``POST /validate``; a body above `review_limit` bytes is refused unread."""
    app = web.Application()

    async def handle(phase: Phase, request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="a review is application/json")
        body = await _read(request.content, review_limit)
        if len(body) > review_limit:
            return _too_large(body, review_limit)
        try:
            answer = await router.answer(phase, body, patience(request.query.get("timeout", "")))
        except InvalidError as error:
            raise web.HTTPBadRequest(text=error.message) from error
        return web.json_response(answer)

    async def mutate(request: web.Request) -> web.Response:
        return await handle(Phase.MUTATE, request)

    async def validate(request: web.Request) -> web.Response:
        return await handle(Phase.VALIDATE, request)

    app.add_routes([web.post("/mutate", mutate), web.post("/validate", validate)])
    return app


async def _read(stream: StreamReader, limit: int) -> bytes:
    """The body, or a little more than `limit` bytes of it."""
    chunks = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while size <= limit and (chunk := await stream.readany()):
                chunks.append(chunk)
                size += len(chunk)
    except TimeoutError as error:
        raise web.HTTPRequestTimeout(text="the review did not arrive in time") from error
    return b"".join(chunks)


def _too_large(body: bytes, limit: int) -> web.Response:
    """A refusal of a review that was not read to its end: its uid stands at its beginning."""
    finding = Finding(
        "review-too-large",
        f"the object is too large to be judged: its review is over {limit} bytes",
        limit=limit,
    )
    error = TooLargeError(finding.sentence, findings=[finding])
    if match := _UID.search(body[:_UID_WITHIN]):
        return web.json_response(verdict.answer(match[1].decode(), Judgement(error=error)))
    raise web.HTTPRequestEntityTooLarge(limit, len(body), text=error.message)


def patience(text: str) -> float | None:
    """Seconds of a Go duration such as ``3s`` or ``500ms``; ``None`` when it is none."""
    match = _DURATION.match(text)
    if not text or not match:
        return None
    minutes, seconds, milliseconds = (float(part or 0) for part in match.groups())
    return 60 * minutes + seconds + milliseconds / 1000 or None
