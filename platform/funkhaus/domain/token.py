"""API tokens: ``fh_<kind>_<27 base62 digits><6 base62 digits of CRC-32>``.

160 random bits, a prefix scanners can find and a checksum that rejects a typo before any look-up. Only a keyed digest
is stored (`funkhaus.auth.tokens`).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from funkhaus.domain.restriction import UNRESTRICTED, Restriction

if TYPE_CHECKING:
    from datetime import datetime

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGITS = frozenset(ALPHABET)
SECRET_BYTES = 20
SECRET_DIGITS = 27
CHECKSUM_DIGITS = 6
LENGTH_LIMIT = 64
USE_NOTED_EVERY = timedelta(minutes=5)
"""How coarse "last used" is."""
GRACE_LIMIT = timedelta(hours=1)
"""How long a rotated token's text before may stay valid."""


class TokenKind(StrEnum):
    """Whom a token speaks for; the word in its prefix."""

    USER = "usr"
    ADMIN = "adm"
    SESSION = "ses"
    INVITATION = "inv"
    """Opens no door by itself: a signed-in user takes the invitation with it."""
    SERVICE = "svc"
    KUBECTL = "kct"
    """Short-lived, for kube-apiserver only; made of another credential and dead with it."""


_KINDS = frozenset(kind.value for kind in TokenKind)


@dataclass(frozen=True, slots=True)
class Token:
    """A stored token. `tenant` is empty for a platform admin's; `role` is then empty too.

    `issued_by` is the cluster user of the person who issued it, empty where nobody wrote it down.
    """

    id: str
    subject_id: str
    subject_name: str
    kind: TokenKind
    tenant: str
    role: str
    last_four: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    restriction: Restriction = UNRESTRICTED
    last_used_at: datetime | None = None
    issued_by: str = ""

    def is_valid(self, now: datetime) -> bool:
        """Whether it still opens doors at `now`."""
        return self.revoked_at is None and now < self.expires_at

    def use_is_news(self, now: datetime) -> bool:
        """Whether a use at `now` is worth noting."""
        return self.last_used_at is None or now - self.last_used_at >= USE_NOTED_EVERY


@dataclass(frozen=True, slots=True)
class RefusedUse:
    """A known token that opened nothing: why, from which address (empty: asked for by kube-apiserver), in which request."""

    token: Token
    reason: str
    address: str = ""
    request_id: str = ""


KUBECTL_LIFETIME = timedelta(minutes=10)
KUBECTL_LIMIT = 500
"""Credentials for kubectl that one parent may have at a time."""


@dataclass(frozen=True, slots=True)
class KubectlCredential:
    """What a credential was exchanged for: it speaks for its parent, as the parent is when it is asked about."""

    parent_id: str
    parent_kind: TokenKind
    expires_at: datetime


def base62(number: int, digits: int) -> str:
    """`number` in base 62, padded with zeros to `digits`."""
    text = ""
    while number:
        number, rest = divmod(number, 62)
        text = ALPHABET[rest] + text
    return text.rjust(digits, "0")


def compose(kind: TokenKind, secret: bytes) -> str:
    """The token's text from its random bytes."""
    body = f"fh_{kind.value}_{base62(int.from_bytes(secret), SECRET_DIGITS)}"
    return body + base62(zlib.crc32(body.encode()), CHECKSUM_DIGITS)


def kind_of(text: str) -> TokenKind | None:
    """The kind a well-formed token names; ``None`` when the shape or the checksum is wrong."""
    if len(text) > LENGTH_LIMIT:
        return None
    prefix, _, rest = text.partition("_")
    name, _, payload = rest.partition("_")
    if prefix != "fh" or len(payload) != SECRET_DIGITS + CHECKSUM_DIGITS:
        return None
    body, checksum = text[:-CHECKSUM_DIGITS], text[-CHECKSUM_DIGITS:]
    if not _DIGITS.issuperset(payload) or name not in _KINDS:
        return None
    return (
        TokenKind(name) if base62(zlib.crc32(body.encode()), CHECKSUM_DIGITS) == checksum else None
    )
