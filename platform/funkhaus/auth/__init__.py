"""Who asks: tokens made, digested, and turned into subjects."""

from funkhaus.auth.identity import Identities
from funkhaus.auth.tokens import KeyedMint

__all__ = ["Identities", "KeyedMint"]
