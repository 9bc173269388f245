"""Signatures of the audit log's checkpoints: Ed25519 (RFC 8032) under a key that the operator gives."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from funkhaus.domain.audit import PublicKey, key_id
from funkhaus.domain.errors import InvalidError
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

KEYS_LIMIT = 50
VARIABLE = "FUNKHAUS_AUDIT_KEYS"
_BLOCK = re.compile(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", re.DOTALL)


class Ed25519Signer:
    """`funkhaus.ports.Signer` over PEM blocks: a private key that signs first, and behind it keys, private or public, that
    signed before. No blocks: nothing is signed. Raises `InvalidError` for anything else.
    """

    def __init__(self, pem: str) -> None:
        blocks = list(_BLOCK.finditer(pem))
        if (pem.strip() and not blocks) or len(blocks) > KEYS_LIMIT:
            raise _refused(f"1 to {KEYS_LIMIT} PEM blocks pass, {len(blocks)} were found")
        loaded = [_load(block[0], block[1]) for block in blocks]
        self._private = next(iter(loaded), None)
        if self._private is not None and not isinstance(self._private, Ed25519PrivateKey):
            raise _refused("the first block has to be the private key that signs")
        public = [key.public_key() if isinstance(key, Ed25519PrivateKey) else key for key in loaded]
        raws = [key.public_bytes_raw() for key in public]
        self._keys = [PublicKey(key_id(raw), raw) for raw in dict.fromkeys(raws)]

    @property
    def key_id(self) -> str:
        """Of the key that signs; empty where there is none."""
        return self._keys[0].id if self._keys else ""

    def public_keys(self) -> Sequence[PublicKey]:
        """The signing key first."""
        return self._keys

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""
        if not isinstance(self._private, Ed25519PrivateKey):
            raise InvalidError(f"there is no key to sign with: {VARIABLE} names one")
        return self._private.sign(message)

    def check(self, key: bytes, signature: bytes, message: bytes) -> bool:
        """Whether a signature is the key's."""
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def _load(block: str, label: str) -> Ed25519PrivateKey | Ed25519PublicKey:
    try:
        key = (
            load_pem_public_key(block.encode())
            if label == "PUBLIC KEY"
            else load_pem_private_key(block.encode(), password=None)
        )
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _refused(f"a {label} block can't be read") from error  # never its content
    if not isinstance(key, Ed25519PrivateKey | Ed25519PublicKey):
        raise _refused(
            f"a {label} block holds no Ed25519 key; `openssl genpkey -algorithm ed25519` makes one"
        )
    return key


def _refused(message: str) -> InvalidError:
    return InvalidError.at(Finding("setting-malformed", message, VARIABLE))
