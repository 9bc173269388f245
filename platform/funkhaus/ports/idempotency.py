"""The port to what is kept under Idempotency-Keys, within a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from funkhaus.domain.idempotency import Claim, Kept


class IdempotencyKeys(Protocol):
    """Claims and answers; across tenants, because a key is its subject's."""

    async def claim(self, claim: Claim, now: datetime) -> Kept | None:
        """Take the key: ``None`` when it is ours now, else what is there.

        A key whose claim has expired, or whose holder is dead and left no answer, can be taken again.
        """

    async def finish(self, claim: Claim, kept: Kept) -> None:
        """Keep the answer, if the claim is still ours."""

    async def release(self, claim: Claim) -> None:
        """Give the key back without an answer, if the claim is still ours."""

    async def sweep(self, now: datetime, *, limit: int = 50) -> int:
        """Forget at most `limit` expired ones; how many."""
