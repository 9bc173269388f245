"""Telling an address outside what became of something: signed as Standard Webhooks have it.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from datetime import datetime

PREFIX = "whsec_"
SECRET_BYTES = 24
"""Of a secret, at least."""
ATTEMPTS = 12
"""Then a notification is given up: about 17 hours after the first."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=6)
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Notification:
    """`payload` is JSON; `attempts` counts deliveries that failed."""

    id: str
    tenant: str
    event: str
    payload: dict[str, Any]
    queued_at: datetime
    attempts: int = 0


def pause(attempts: int) -> timedelta:
    """How long to wait after so many failures."""
    return min(FIRST_PAUSE * float(1 << min(attempts, 20)), LONGEST_PAUSE)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where notifications go, and the secret they are signed with."""

    url: str
    secret: bytes

    @classmethod
    def parse(cls, url: str, secret: str) -> Destination | None:
        """What two settings say, ``None`` for no address; raises `InvalidError` for what can't be right."""
        if not url:
            return None
        parts = urlsplit(url)
        local = parts.scheme == "http" and parts.hostname in _LOOPBACK
        if not parts.hostname or parts.username or not (parts.scheme == "https" or local):
            message = "an https URL without a user passes (http on loopback)"
            raise InvalidError.at(
                Finding("setting-malformed", message, "FUNKHAUS_APPROVAL_WEBHOOK_URL")
            )
        return cls(url, _secret(secret))

    def headers(self, item: Notification, body: bytes, now: datetime) -> list[tuple[str, str]]:
        """Those that say what it is, when it was sent and that it is ours."""
        at = int(now.timestamp())
        signed = b".".join((item.id.encode(), str(at).encode(), body))
        signature = base64.b64encode(hmac.digest(self.secret, signed, hashlib.sha256)).decode()
        return [
            ("Content-Type", "application/json"),
            ("User-Agent", "funkhaus"),
            ("webhook-id", item.id),
            ("webhook-timestamp", str(at)),
            ("webhook-signature", f"v1,{signature}"),
        ]


def _secret(text: str) -> bytes:
    try:
        found = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not text.startswith(PREFIX) or len(found) < SECRET_BYTES:
        message = f"{PREFIX} and {SECRET_BYTES} random bytes or more in base64 pass"
        raise InvalidError.at(
            Finding(
                "setting-malformed", message, "FUNKHAUS_APPROVAL_WEBHOOK_SECRET", limit=SECRET_BYTES
            )
        )
    return found
