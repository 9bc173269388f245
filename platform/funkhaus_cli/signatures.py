"""Whether a checkpoint's signature is its key's. The library for it comes with ``funkhaus[audit]``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus_cli.failure import Exit, Failure

if TYPE_CHECKING:
    from funkhaus.domain.audit_verification import Check


def checker() -> Check:
    """The check of `funkhaus.domain.audit_verification`; raises `Failure` where the library is not installed."""
    try:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - optional
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - optional
            Ed25519PublicKey,
        )
    except ImportError as error:
        raise Failure(
            "signatures can't be checked here: the library for it is not installed",
            Exit.USAGE,
            hint="pip install 'funkhaus[audit]'",
        ) from error

    def check(key: bytes, signature: bytes, message: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    return check
