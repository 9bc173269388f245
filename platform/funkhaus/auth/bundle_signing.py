"""`RsaSigner`: the port `BundleSigner`. RSASSA-PKCS1-v1_5, because the same text gives the same signature."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping

ALGORITHM = "RS256"
BITS = 2048
"""Of a key, at least."""


class RsaSigner:
    """Signs with a private key in PEM; raises `InvalidError` for anything else."""

    def __init__(self, pem: str) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it warns of small keys, which are refused below
                key = RSAKey.import_key(pem)
            private = key.is_private
            bits = key.raw_value.key_size
        except (JoseError, ValueError, TypeError, AttributeError) as error:
            raise _unfit("is no RSA key in PEM") from error
        if not private:
            raise _unfit("is a public key; a private one signs")
        if bits < BITS:
            raise _unfit(f"has {bits} bits; {BITS} and more pass")
        self._key = key

    @property
    def public(self) -> str:
        """The key OPA verifies by, in PEM."""
        return self._key.as_pem(private=False).decode()

    def sign(self, claims: Mapping[str, object]) -> str:
        """A compact JWS."""
        payload = json.dumps(claims, sort_keys=True, separators=(",", ":")).encode()
        return jws.serialize_compact({"alg": ALGORITHM}, payload, self._key, algorithms=[ALGORITHM])


def _unfit(what: str) -> InvalidError:
    return InvalidError.at(Finding("setting-malformed", what, "FUNKHAUS_POLICY_SIGNING_KEY"))
