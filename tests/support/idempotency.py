"""`MemoryIdempotencyKeys`: the port `IdempotencyKeys` without a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.domain.idempotency import Kept

if TYPE_CHECKING:
    from datetime import datetime

    from funkhaus.domain.idempotency import Claim

Held = dict[bytes, tuple["Claim", Kept]]


class MemoryIdempotencyKeys:
    """On the state's own dictionary."""

    def __init__(self, held: Held) -> None:
        self._held = held

    async def claim(self, claim: Claim, now: datetime) -> Kept | None:
        if claim.key in self._held:
            first, kept = self._held[claim.key]
            dead = not kept.status and first.held_until <= now
            if not dead and first.expires_at > now:
                return kept
        self._held[claim.key] = (claim, Kept(claim.fingerprint))
        return None

    async def finish(self, claim: Claim, kept: Kept) -> None:
        if self._ours(claim):
            self._held[claim.key] = (claim, kept)

    async def release(self, claim: Claim) -> None:
        if self._ours(claim):
            del self._held[claim.key]

    async def sweep(self, now: datetime, *, limit: int = 50) -> int:
        old = [key for key, (claim, _) in self._held.items() if claim.expires_at <= now][:limit]
        for key in old:
            del self._held[key]
        return len(old)

    def _ours(self, claim: Claim) -> bool:
        return claim.key in self._held and self._held[claim.key][0].owner == claim.owner
