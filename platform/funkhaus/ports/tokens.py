"""The port to a tenant's tokens, inside one of its transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from funkhaus.domain.token import Token


class Tokens(Protocol):
    """Tokens of one tenant."""

    async def get(self, token_id: str) -> Token:
        """One token; raises `NotFoundError`."""

    async def page(self, *, after: str = "", limit: int = 100) -> Sequence[Token]:
        """Tokens, newest first, those older than the token with the id `after`; none when there is no such token."""

    async def valid(self, now: datetime) -> int:
        """How many are valid at `now`."""

    async def rotate(
        self,
        token_id: str,
        digest: bytes,
        last_four: str,
        expires_at: datetime,
        old_until: datetime,
        *,
        issued_by: str = "",
    ) -> Token:
        """Give a token another text; the one before passes until `old_until`. Whoever gets it stands behind the token from
        now on, where `issued_by` is given. Raises `NotFoundError`.
        """

    async def issued_by(self, person: str, now: datetime, *, limit: int = 200) -> Sequence[Token]:
        """Those valid at `now` that a cluster user issued, or rotated last; newest first."""

    async def revoke_issued(self, person: str, now: datetime) -> int:
        """Revoke all of these; how many that were."""

    async def revoke_of(self, subject_id: str, now: datetime) -> int:
        """Revoke all of one subject; how many that were."""
