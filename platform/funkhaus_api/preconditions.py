"""Conditional requests (RFC 9110 §13): strong ETags on every JSON answer to a GET, and If-Match on writes.

* ``GET``: ``ETag`` is a digest of the answer's bytes; with a matching ``If-None-Match`` the answer is 304 without a body.
* A write with ``If-Match`` is carried out only if the resource's GET would answer with that ETag now, else 412. What it
  is compared with is the GET of the same path, or the handler named by ``@guarded(by=...)``.
* ``@guarded(required=True)`` on a handler makes ``If-Match`` necessary (428 without): for writes of quotas, plans and
  policy, and for decisions on approvals, where the last word must not be said by accident. ``If-Match: *`` says
  "whatever it is" on purpose.

That comparison comes right before the write: it catches what somebody changed since they read it, not a write of the
same millisecond. A write that must not lose even that is marked ``@guarded(inside=True)`` and hands `matching` to its
use case, which makes the comparison in the write's own transaction, with what it compares locked.
"""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, TypeVar

from aiohttp import web

from funkhaus.domain.errors import NotFoundError, PreconditionError, PreconditionMissingError
from funkhaus.domain.verdict import Finding
from funkhaus_api.wire.reading import MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from aiohttp.typedefs import Handler, Middleware

_WRITES = frozenset({"PUT", "PATCH", "DELETE"})
_TAGS = re.compile(r'\s*(?:(W/)?"([\x21\x23-\x7e]*)"\s*(?:,|$))')
_TAGS_LIMIT = 50
H = TypeVar("H", bound="Callable[..., object]")
S = TypeVar("S")


def guarded(
    *, required: bool = False, by: Handler | None = None, inside: bool = False
) -> Callable[[H], H]:
    """Say about a writing handler that it needs ``If-Match``, or which GET its resource is read by.

    With `inside` it compares by itself: see `matching`.
    """

    def mark(handler: H) -> H:
        handler.__guard__ = (required, by, inside)  # type: ignore[attr-defined]  # read by `conditional`
        return handler

    return mark


def matching(request: web.Request, shown: Callable[[S], web.Response]) -> Callable[[S], None]:
    """What a use case calls with the state it found, once nobody else can change it; raises `PreconditionError`.

    `shown` makes of a state the answer of the GET whose ETag is compared. Without ``If-Match`` everything passes.
    """
    wanted = request.headers.get("If-Match")
    everything, tags = (True, []) if wanted is None else _parsed(wanted, "If-Match")

    def compare(found: S) -> None:
        if not everything:
            _compare(shown(found), tags)

    return compare


def conditional(readers: Mapping[str, Handler], exempt: Collection[Handler]) -> Middleware:
    """`readers` are the GET handlers by path pattern; `exempt` handlers' answers are not ours to tag."""

    @web.middleware
    async def compared(request: web.Request, handler: Handler) -> web.StreamResponse:
        endpoint = request.match_info.handler
        if endpoint in exempt or request.match_info.route.resource is None:
            return await handler(request)
        if request.method in _WRITES or hasattr(endpoint, "__guard__"):
            await _check(request, endpoint, readers)
        response = await handler(request)
        if request.method in {"GET", "HEAD"} and isinstance(response, web.Response):
            return _tagged(request, response)
        return response

    return compared


async def _check(request: web.Request, endpoint: Handler, readers: Mapping[str, Handler]) -> None:
    required, by, inside = getattr(endpoint, "__guard__", (False, None, False))
    wanted = request.headers.get("If-Match")
    if wanted is None:
        if required:
            finding = Finding(
                "if-match-missing", "is required here: the ETag of the GET", "If-Match"
            )
            raise PreconditionMissingError(finding.sentence, findings=[finding])
        return
    if inside:
        return
    resource = request.match_info.route.resource
    reader = by or (readers.get(resource.canonical) if resource else None)
    if reader is None:
        raise _failed("can't be compared here: this path has no GET")
    everything, tags = _parsed(wanted, "If-Match")
    try:
        current = await reader(
            request.clone(method="GET", rel_url=request.rel_url.with_query(None))
        )
    except NotFoundError as error:
        if (
            by is not None
        ):  # what it is compared with is another path's: there is no such place at all
            raise
        raise _failed("there is nothing here") from error
    if not everything:
        _compare(current, tags)


def _compare(current: object, tags: Collection[tuple[bool, str]]) -> None:
    etag = _etag(current)
    if etag is None or etag not in {tag for weak, tag in tags if not weak}:
        raise _failed("it was changed since you read it: read it again, and decide again")


def _failed(message: str) -> PreconditionError:
    finding = Finding("if-match-failed", message, "If-Match")
    return PreconditionError(finding.sentence, findings=[finding])


def _tagged(request: web.Request, response: web.Response) -> web.Response:
    etag = _etag(response)
    if etag is None:
        return response
    response.headers["ETag"] = f'"{etag}"'
    response.headers["Cache-Control"] = "private, no-cache"
    if (known := request.headers.get("If-None-Match")) is None:
        return response
    everything, tags = _parsed(known, "If-None-Match")
    if not everything and etag not in {tag for _, tag in tags}:
        return response
    kept = {
        name: response.headers[name]
        for name in ("ETag", "Cache-Control", "Link")
        if name in response.headers
    }
    return web.Response(status=304, headers=kept)


def _etag(response: object) -> str | None:
    if not isinstance(response, web.Response) or response.status != web.HTTPOk.status_code:
        return None
    if response.content_type != "application/json" or not isinstance(response.body, bytes):
        return None
    return urlsafe_b64encode(hashlib.sha256(response.body).digest()[:18]).decode()


def _parsed(text: str, header: str) -> tuple[bool, list[tuple[bool, str]]]:
    """Whether it is ``*``, and else its tags as (weak, tag); raises `MalformedError`."""
    if text.strip() == "*":
        return True, []
    tags: list[tuple[bool, str]] = []
    position = 0
    while position < len(text):
        match = _TAGS.match(text, position)
        if match is None or len(tags) == _TAGS_LIMIT:
            finding = Finding(
                "etag-malformed", 'a list of "…" or * passes', header, value=text[:80]
            )
            raise MalformedError(finding.sentence, findings=[finding])
        tags.append((match[1] is not None, match[2]))
        position = match.end()
    return False, tags
