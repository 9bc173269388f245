"""``Idempotency-Key`` on writes (draft-ietf-httpapi-idempotency-key-header): a request sent twice is carried out once.

Kept for a day, per subject, method, path and key, with a fingerprint of body and query:

* repeated when it was answered with success: the same answer again, with ``Idempotency-Replayed: true``;
* repeated while the first is under way: 409 ``idempotency-in-flight``; a process that died lets go after its lease;
* the key with another body or query: 422 ``idempotency-mismatch``;
* repeated when the answer held a secret (a token's text): 409 ``idempotency-answered`` with the id. No secret is stored.

A refusal or failure keeps nothing: repeating it asks again. If a process dies between the deed and keeping the answer, a
repetition after the lease is carried out anew; names that are given out once then make it a conflict.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from aiohttp import web

from funkhaus import logs
from funkhaus.domain.errors import FunkhausError
from funkhaus.domain.idempotency import (
    KEEP_SECONDS,
    KEY_LIMIT,
    AnsweredOnceError,
    Claim,
    InFlightError,
    Kept,
    OtherRequestError,
)
from funkhaus.domain.verdict import Finding
from funkhaus_api.keys import BODY, LIMITS, SUBJECT, services
from funkhaus_api.wire.reading import MalformedError, read_bytes

if TYPE_CHECKING:
    from collections.abc import Collection

    from aiohttp.typedefs import Handler, Middleware

HEADER = "Idempotency-Key"
LEASE_SPARE = 5
"""Seconds beyond a request's own limit that a claim is held."""
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_SECRET_FIELDS = frozenset({"token", "secret", "password", "kubeconfig", "credential"})
_SECRET_TEXT = re.compile(rb"fh_[a-z]{2,5}_[0-9A-Za-z]{30,}")
_SUCCESS = range(200, 300)
_LOG = logs.logger("funkhaus_api.repetition")


def repeatable(exempt: Collection[Handler]) -> Middleware:
    """Around what is known to be somebody's; `exempt` handlers pass the header on or ignore it."""

    @web.middleware
    async def once(request: web.Request, handler: Handler) -> web.StreamResponse:
        text = request.headers.get(HEADER)
        subject = request.get(SUBJECT)
        if (
            text is None
            or subject is None
            or request.method not in _WRITES
            or request.match_info.handler in exempt
        ):
            return await handler(request)
        request[BODY] = await read_bytes(request, request.config_dict[LIMITS].body)
        claim = _claim(request, _key(text), subject.id)
        stores, now = services(request).stores, services(request).clock.now()
        async with stores.begin_platform() as work:
            await work.idempotency.sweep(now)
            found = await work.idempotency.claim(claim, now)
        if found is not None:
            return _again(claim, found)
        try:
            response = await handler(request)
        except BaseException:
            await asyncio.shield(_settle(request, claim, None))
            raise
        await asyncio.shield(_settle(request, claim, _kept(claim, response)))
        return response

    return once


async def _settle(request: web.Request, claim: Claim, kept: Kept | None) -> None:
    """Keep or give back; where neither can be, the lease ends it."""
    try:
        async with services(request).stores.begin_platform() as work:
            if kept is None:
                await work.idempotency.release(claim)
            else:
                await work.idempotency.finish(claim, kept)
    except FunkhausError as error:
        _LOG.error("answer not kept", error=error.message)


def _claim(request: web.Request, key: str, subject: str) -> Claim:
    now = services(request).clock.now()
    lease = timedelta(seconds=request.config_dict[LIMITS].seconds + LEASE_SPARE)
    return Claim(
        key=_digest(subject, request.method, request.path, key),
        fingerprint=_digest(request.query_string, request.content_type, request[BODY]),
        owner=str(uuid4()),
        held_until=now + lease,
        expires_at=now + timedelta(seconds=KEEP_SECONDS),
    )


def _digest(*parts: str | bytes) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(content).to_bytes(8) + content)
    return digest.digest()


def _key(text: str) -> str:
    key = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
    if not 0 < len(key) <= KEY_LIMIT or not (key.isascii() and key.isprintable()):
        message = f"1 to {KEY_LIMIT} printable ASCII characters pass"
        finding = Finding("idempotency-key", message, HEADER, limit=KEY_LIMIT)
        raise MalformedError(finding.sentence, findings=[finding])
    return key


def _again(claim: Claim, found: Kept) -> web.Response:
    if found.fingerprint != claim.fingerprint:
        message = "came with another body or query before: take a new key for a new request"
        finding = Finding("idempotency-mismatch", message, HEADER)
        raise OtherRequestError(finding.sentence, findings=[finding])
    if not found.status:
        raise InFlightError
    if found.withheld:
        name = found.body.decode()
        made = f" It made {name}: revoke that and ask anew if the answer was lost." if name else ""
        raise AnsweredOnceError(
            f"this was done already, and its answer held a secret, which is shown once.{made}"
        )
    headers = {"Idempotency-Replayed": "true"}
    if found.content_type:
        headers["Content-Type"] = found.content_type
    return web.Response(status=found.status, body=found.body or None, headers=headers)


def _kept(claim: Claim, response: web.StreamResponse) -> Kept | None:
    if response.status not in _SUCCESS or not isinstance(response, web.Response):
        return None
    body = response.body if isinstance(response.body, bytes) else b""
    document: Any = None
    with suppress(ValueError):
        document = json.loads(body) if body else None
    fields = document if isinstance(document, dict) else {}
    if _SECRET_FIELDS & set(fields) or _SECRET_TEXT.search(body):
        name = str(fields.get("id", "")).encode()[:100]
        return Kept(claim.fingerprint, response.status, "", name, withheld=True)
    content_type = response.headers.get("Content-Type", "") if body else ""
    return Kept(claim.fingerprint, response.status, content_type, body)
