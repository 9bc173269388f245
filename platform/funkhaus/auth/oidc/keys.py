"""A provider's signing keys, kept.

Fetched when they are old, or when a token names a key that isn't among them; that at most once a minute, because whoever
sends tokens chooses the names. One fetch at a time; what is there is served while the provider fails, up to a day.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

from funkhaus import logs
from funkhaus.domain.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from funkhaus.ports import Clock

AGE_LEAST, AGE_MOST = timedelta(minutes=5), timedelta(hours=24)
AGAIN = timedelta(seconds=60)
"""Between two fetches, whoever asks and however the first ended."""
STALE_MOST = timedelta(hours=24)
KEYS_LIMIT = 50
RSA_DIGITS = 342
"""Base64 digits of a modulus of 2048 bits: a shorter one signs nothing we believe."""
_LOG = logs.logger(__name__)
Key = OctKey | RSAKey | ECKey | OKPKey
_KINDS: dict[object, type[RSAKey | ECKey | OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
"""Key pairs only: a shared secret in a public document is no key."""


class KeyCache:
    """Keys of one provider. `fetch` answers the JWKS document and how many seconds it may be kept."""

    def __init__(
        self, fetch: Callable[[], Awaitable[tuple[dict[str, Any], int]]], clock: Clock
    ) -> None:
        self._fetch, self._clock = fetch, clock
        self._keys: KeySet | None = None
        self._kids: frozenset[str] = frozenset()
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._fresh_until: datetime | None = None
        self._one = asyncio.Lock()

    async def keys(self, kid: str | None) -> KeySet:
        """The keys, with `kid` among them where the provider has it; raises `UnavailableError`."""
        if self._serves(kid):
            return self._held()
        async with self._one:
            if not self._serves(kid) and self._may_try():
                await self._refresh()
        return self._held()

    def _serves(self, kid: str | None) -> bool:
        fresh = self._fresh_until is not None and self._clock.now() < self._fresh_until
        return fresh and (kid is None or kid in self._kids)

    def _may_try(self) -> bool:
        return self._tried_at is None or self._clock.now() - self._tried_at >= AGAIN

    def _held(self) -> KeySet:
        if self._keys is None or self._fetched_at is None:
            raise UnavailableError("the identity provider's keys can't be had; try again")
        if self._clock.now() - self._fetched_at > AGE_MOST + STALE_MOST:
            raise UnavailableError("the identity provider's keys are too old to go by; try again")
        return self._keys

    async def _refresh(self) -> None:
        self._tried_at = self._clock.now()
        try:
            document, seconds = await self._fetch()
            keys = import_keys(document)
        except UnavailableError as error:
            _LOG.warning("keys not refreshed", error=error.message, held=len(self._kids))
            return
        self._keys, self._fetched_at = keys, self._clock.now()
        self._kids = frozenset(key.kid for key in keys.keys if key.kid)
        age = min(max(timedelta(seconds=seconds), AGE_LEAST), AGE_MOST)
        self._fresh_until = self._fetched_at + age


def import_keys(document: dict[str, Any]) -> KeySet:
    """The signing key pairs of a JWKS; what is no such key is left out. Raises `UnavailableError` when none is left."""
    entries = document.get("keys")
    found: list[Key] = []
    for entry in entries[:KEYS_LIMIT] if isinstance(entries, list) else []:
        kind = _KINDS.get(str(entry.get("kty"))) if isinstance(entry, dict) else None
        if kind is None or entry.get("use", "sig") != "sig":
            continue
        if kind is RSAKey and len(str(entry.get("n", ""))) < RSA_DIGITS:
            continue
        public = {
            name: value
            for name, value in entry.items()
            if name not in {"d", "p", "q", "dp", "dq", "qi"}
        }
        try:
            key = kind.import_key(public)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        found.append(key)
    if not found:
        raise UnavailableError("the identity provider publishes no signing key of use")
    return KeySet(found)
