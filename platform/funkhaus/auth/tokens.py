"""Tokens' randomness and the keyed digest they are stored by.

A digest is HMAC-SHA-256 of the token's text under the pepper (``FUNKHAUS_TOKEN_PEPPER``): who reads the database can
neither use a token nor test a guess. Changing the pepper ends every token.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.token import SECRET_BYTES, compose
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from funkhaus.domain.token import TokenKind

PEPPER_LIMIT = 32


class KeyedMint:
    """`funkhaus.ports.TokenMint`. Raises `InvalidError` for a pepper that is too short to be one."""

    def __init__(self, pepper: str) -> None:
        if len(pepper) < PEPPER_LIMIT:
            raise InvalidError.at(
                Finding(
                    "setting-malformed",
                    f"has {len(pepper)} characters; at least {PEPPER_LIMIT} pass, from a random source",
                    "FUNKHAUS_TOKEN_PEPPER",
                    limit=PEPPER_LIMIT,
                )
            )
        self._pepper = pepper.encode()

    def mint(self, kind: TokenKind) -> str:
        """A new token's text, 160 random bits."""
        return compose(kind, secrets.token_bytes(SECRET_BYTES))

    def digest(self, text: str) -> bytes:
        """32 bytes."""
        return hmac.digest(self._pepper, text.encode(), hashlib.sha256)
