"""Who asks: tokens made, digested, and turned into subjects."""

from funkhaus.auth.identity import Identities
from funkhaus.auth.signatures import Ed25519Signer
from funkhaus.auth.tokens import KeyedMint

__all__ = ["Ed25519Signer", "Identities", "KeyedMint"]
