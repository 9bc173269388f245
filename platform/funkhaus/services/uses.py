"""When tokens were last used: noted in memory while requests are answered, written down now and then beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from funkhaus.domain.token import Token
    from funkhaus.ports import Clock, Stores

AT_ONCE = 200
"""Tokens of one transaction."""
NOTED_LIMIT = 10_000
"""Tokens remembered until they are written; beyond it a use is not noted, and the next one may be."""


class Uses:
    """Notes and writes. A process that dies loses what it had not written: "last used" is coarse anyway."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        self._stores, self._clock = stores, clock
        self._noted: dict[str, datetime] = {}

    def note(self, token: Token) -> None:
        """Remember that the token was used now, unless that is known closely enough."""
        now = self._clock.now()
        if token.use_is_news(now) and len(self._noted) < NOTED_LIMIT:
            self._noted.setdefault(token.id, now)

    async def write(self) -> int:
        """Write what was noted; how many tokens that were. Raises `UnavailableError`: nothing is lost then."""
        written = 0
        while self._noted:
            some = dict(list(self._noted.items())[:AT_ONCE])
            async with self._stores.begin_platform() as work:
                await work.bearers.touch(some)
            for token_id in some:
                self._noted.pop(token_id, None)
            written += len(some)
        return written
