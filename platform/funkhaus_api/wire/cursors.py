"""Cursors: where a list goes on, in a text only this platform can make.

::

    base64url(expiry: 8 bytes, seconds since 1970 │ position: UTF-8 │ HMAC-SHA-256 over scope and both, 16 bytes)

The scope (route, path, filters, who asks) is signed but not carried: a cursor passes where it was given out and nowhere
else. The position is readable to whoever decodes it; it holds what the page before showed anyway.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING

from funkhaus.domain.errors import CursorError
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

LIFETIME = 24 * 3600
"""Seconds. What Kubernetes pages is forgotten earlier, after minutes, and then says the same."""
TEXT_LIMIT = 8192
"""Characters of a cursor."""
_EXPIRY, _MAC = 8, 16


class Cursors:
    """Seals positions under a secret `key`, which every replica has alike."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, position: str, scope: Sequence[str], now: datetime) -> str:
        """The cursor of a position."""
        body = (int(now.timestamp()) + LIFETIME).to_bytes(_EXPIRY) + position.encode()
        return urlsafe_b64encode(body + self._mac(body, scope)).rstrip(b"=").decode()

    def open(self, text: str, scope: Sequence[str], now: datetime) -> str:
        """The position; raises `CursorError` for one that expired, was changed, or is another list's."""
        try:
            content = urlsafe_b64decode(text[:TEXT_LIMIT].encode() + b"=" * (-len(text) % 4))
        except ValueError:
            content = b""
        body, mac = content[:-_MAC], content[-_MAC:]
        if len(body) < _EXPIRY or not hmac.compare_digest(mac, self._mac(body, scope)):
            raise refused("is no cursor of this list: take it from `next` of the page before")
        if int.from_bytes(body[:_EXPIRY]) <= now.timestamp():
            raise refused("has expired: begin again without it")
        return body[_EXPIRY:].decode()

    def _mac(self, body: bytes, scope: Sequence[str]) -> bytes:
        parts = [body, *(part.encode("utf-8", "surrogatepass") for part in scope)]
        message = b"".join(len(part).to_bytes(4) + part for part in parts)
        return hmac.digest(self._key, message, hashlib.sha256)[:_MAC]


def refused(message: str) -> CursorError:
    """The refusal of a cursor, naming the parameter."""
    return CursorError(
        f"continue: {message}", findings=[Finding("cursor-refused", message, "continue")]
    )
