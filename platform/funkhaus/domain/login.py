"""A sign-in under way: from the question of a browser or a device to a session, in steps that each happen once.

::

    REDIRECT   sent ──(provider answers)──► returned ──(code + verifier)──► redeemed
    DEVICE     asked ──(code typed)──► sent ──(provider answers)──► returned ──(yes)──► allowed ──(poll)──► redeemed
                                                                           └──(no)──► denied
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

LIFE_SECONDS = 600
"""From the question to the provider's answer."""
CODE_SECONDS = 60
"""For redeeming a code; the program that redeems it is waiting."""
POLL_SECONDS = 5
"""A device may ask this often (RFC 8628); one that asks sooner has to wait longer."""
USER_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels: no words (RFC 8628, 6.1)."""
USER_CODE_LENGTH = 8
TEXT_LIMIT = 512
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}\Z")
_LOOPBACK = {"127.0.0.1", "::1"}


class Stage(StrEnum):
    """How far it is."""

    ASKED = "asked"
    SENT = "sent"
    RETURNED = "returned"
    ALLOWED = "allowed"
    DENIED = "denied"
    REDEEMED = "redeemed"


UNANSWERED = frozenset({Stage.ASKED, Stage.SENT, Stage.DENIED})
"""Nobody has signed in with it, or somebody said no: what can be forgotten when there are too many."""


@dataclass(frozen=True, slots=True)
class Login:
    """One sign-in, asked for from `address`; `home` is what is counted by: the address, of IPv6 the /64.

    Secrets that come back to us are kept as digests: `state_digest` (from the provider), `code_digest` (from the program or
    the page), `device_digest` (from the device). `nonce` and `verifier` are ours towards the provider; `challenge` is the
    program's towards us. A device's has neither `redirect_uri` nor `challenge`.
    """

    id: str
    stage: Stage
    address: str
    created_at: datetime
    expires_at: datetime
    issuer: str = ""
    state_digest: bytes | None = None
    nonce: str = ""
    verifier: str = ""
    redirect_uri: str = ""
    client_state: str = ""
    challenge: str = ""
    device_digest: bytes | None = None
    user_code: str | None = None
    polled_at: datetime | None = None
    poll_seconds: int = POLL_SECONDS
    code_digest: bytes | None = None
    user_id: str = ""
    groups: tuple[str, ...] = ()
    session_id: str = ""
    home: str = ""

    @property
    def is_device(self) -> bool:
        """Whether a device waits for it."""
        return self.device_digest is not None


def new_user_code() -> str:
    """``BCDF-GHJK``: 20^8 possibilities."""
    text = "".join(secrets.choice(USER_CODE_LETTERS) for _ in range(USER_CODE_LENGTH))
    return f"{text[:4]}-{text[4:]}"


def user_code(text: str) -> str | None:
    """What a person typed in its canonical form, or ``None`` where it can't be one."""
    letters = [letter for letter in text[:64].upper() if letter.isalnum()]
    if len(letters) != USER_CODE_LENGTH or not set(letters) <= set(USER_CODE_LETTERS):
        return None
    return f"{''.join(letters[:4])}-{''.join(letters[4:])}"


def is_challenge(text: str) -> bool:
    """Whether it is the S256 challenge of RFC 7636."""
    return bool(_CHALLENGE.match(text))


def is_verifier(text: str) -> bool:
    """Whether it is a verifier of RFC 7636."""
    return bool(_VERIFIER.match(text))


def redirect_is_allowed(uri: str, exact: Collection[str]) -> bool:
    """A program's loopback address (any port, RFC 8252) or one of the `exact` addresses, character by character."""
    if uri in exact:
        return True
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return False
    return (
        len(uri) <= TEXT_LIMIT
        and uri.isascii()
        and uri.isprintable()
        and parts.scheme == "http"
        and parts.hostname in _LOOPBACK
        and parts.netloc in {f"127.0.0.1:{port}", f"[::1]:{port}"}
        and bool(port)
        and parts.path == "/callback"
        and not parts.query
        and not parts.fragment
        and "#" not in uri
        and "?" not in uri
    )


def callback(public_url: str) -> str:
    """The one address identity providers send browsers back to; registered there character by character."""
    return f"{public_url.rstrip('/')}/v1/logins/callback"
