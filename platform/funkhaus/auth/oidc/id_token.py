"""ID tokens, checked: form, signature, then claims. A text that fails one step never reaches the next."""

from __future__ import annotations

import base64
import binascii
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from funkhaus.domain.errors import UnauthenticatedError

if TYPE_CHECKING:
    from datetime import datetime

    from joserfc.jwk import KeySet

    from funkhaus.auth.oidc.configuration import ProviderSettings
    from funkhaus.auth.oidc.keys import KeyCache

TEXT_LIMIT = 64 * 1024
HEADER_LIMIT = 8 * 1024
"""Bytes; some providers send a certificate chain."""
KID_LIMIT = 256
LEEWAY_SECONDS = 60
"""By which the provider's clock may differ."""
PARTS = 3
_HEADERS = {"alg", "kid", "typ", "x5t", "x5t#S256", "x5c"}
"""What a header may hold. None of it is a key or a place of keys: those come from the provider's own address.
``x5c`` is read by nobody. ``crit`` would name something we don't know.
"""
_TIMES = ("exp", "iat", "nbf", "auth_time")


@dataclass(frozen=True, slots=True)
class Expected:
    """What the token has to say: the `nonce` of this sign-in, and the access token it came with."""

    nonce: str
    access_token: str


async def verified(
    text: object, provider: ProviderSettings, keys: KeyCache, expected: Expected, now: datetime
) -> dict[str, Any]:
    """The claims of an ID token; raises `UnauthenticatedError`, and `UnavailableError` where no keys can be had."""
    if not isinstance(text, str) or not text:
        raise _refused("it is missing")
    if len(text) > TEXT_LIMIT:
        raise _refused(f"it has more than {TEXT_LIMIT} characters")
    header, claims = _read(text)
    _check_header(header, provider)
    held = await keys.keys(header.get("kid"))
    _check_signature(text, held, provider)
    _check_claims(header, claims, provider, expected, now)
    return claims


def _read(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, unchecked; strict about JSON, because two readers of one text must not differ."""
    parts = text.split(".")
    if len(parts) != PARTS:
        raise _refused("it is not a signed JWT")
    if len(parts[0]) > HEADER_LIMIT:
        raise _refused(f"its header has more than {HEADER_LIMIT} characters")
    return _object(parts[0], "header"), _object(parts[1], "payload")


def _object(part: str, name: str) -> dict[str, Any]:
    try:
        content = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        document = json.loads(content, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError, binascii.Error) as error:
        raise _refused(f"its {name} can't be read") from error
    if not isinstance(document, dict):
        raise _refused(f"its {name} is no object")
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise ValueError("a key appears twice")
    return document


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _check_header(header: dict[str, Any], provider: ProviderSettings) -> None:
    if strange := sorted(set(header) - _HEADERS):
        raise _refused(f"its header holds {', '.join(strange)[:80]}")
    if header.get("alg") not in provider.algorithms:
        raise _refused(
            f"it is signed with {str(header.get('alg'))[:20]!r}; {', '.join(provider.algorithms)} pass"
        )
    kid = header.get("kid", "")
    if not isinstance(kid, str) or len(kid) > KID_LIMIT:
        raise _refused("its key's id is no short text")
    if str(header.get("typ", "JWT")).upper() != "JWT":
        raise _refused(f"its type is {str(header['typ'])[:20]!r}, which is no ID token's")


def _check_signature(text: str, keys: KeySet, provider: ProviderSettings) -> None:
    registry = JWSRegistry(algorithms=list(provider.algorithms))
    registry.max_header_length = HEADER_LIMIT
    try:
        jwt.decode(text, keys, registry=registry)
    except (JoseError, ValueError, TypeError) as error:
        raise _refused("its signature is by no key of the provider") from error


def _check_claims(
    header: dict[str, Any],
    claims: dict[str, Any],
    provider: ProviderSettings,
    expected: Expected,
    now: datetime,
) -> None:
    for name in _TIMES:
        value = claims.get(name)
        if name in claims and (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            raise _refused(f"its {name} is no time")
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if not isinstance(audiences, list) or provider.client_id not in audiences:
        raise _refused("it is meant for another client")
    if claims.get("iss") != provider.issuer:
        raise _refused("it is by another issuer")
    sub = claims.get("sub")
    if not isinstance(sub, str) or not 0 < len(sub) <= KID_LIMIT:
        raise _refused("its subject is no short text")
    token = CodeIDToken(
        claims,
        header,
        options={"iss": {"essential": True, "value": provider.issuer}},
        params={
            "nonce": expected.nonce,
            "client_id": provider.client_id,
            "access_token": expected.access_token,
        },
    )
    try:
        token.validate(now=int(now.timestamp()), leeway=LEEWAY_SECONDS)
    except JoseError as error:
        raise _refused(f"{error.error}: {getattr(error, 'description', '') or ''}"[:200]) from error
    if not expected.nonce or claims.get("nonce") != expected.nonce:
        raise _refused("its nonce is of another sign-in")


def _refused(reason: str) -> UnauthenticatedError:
    return UnauthenticatedError(f"the identity provider's ID token does not hold: {reason}")
