"""When tokens and sessions were last used: noted in memory while requests are answered, written down now and then beside
them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from funkhaus.domain.token import Token
    from funkhaus.domain.user import Session
    from funkhaus.ports import Clock, PlatformWork, Stores

AT_ONCE = 200
"""Credentials of one transaction."""
NOTED_LIMIT = 10_000
"""Tokens remembered until they are written, and as many sessions; beyond it a use is not noted, and the next one may be."""

Noted = dict[str, "datetime"]


class Uses:
    """Notes and writes. A process that dies loses what it had not written: "last used" is coarse anyway."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        self._stores, self._clock = stores, clock
        self._tokens: Noted = {}
        self._sessions: Noted = {}

    def note(self, token: Token) -> None:
        """Remember that the token was used now, unless that is known closely enough."""
        self._note(self._tokens, token)

    def note_session(self, session: Session) -> None:
        """Remember that the session was used now, unless that is known closely enough."""
        self._note(self._sessions, session)

    def _note(self, noted: Noted, item: Token | Session) -> None:
        now = self._clock.now()
        if item.use_is_news(now) and len(noted) < NOTED_LIMIT:
            noted.setdefault(item.id, now)

    async def write(self) -> int:
        """Write what was noted; how many that were. Raises `UnavailableError`: nothing is lost then."""
        written = 0
        for noted in (self._tokens, self._sessions):
            while noted:
                some = dict(list(noted.items())[:AT_ONCE])
                async with self._stores.begin_platform() as work:
                    await self._touch(work, noted, some)
                for key in some:
                    noted.pop(key, None)
                written += len(some)
        return written

    async def _touch(self, work: PlatformWork, noted: Noted, some: Noted) -> None:
        if noted is self._tokens:
            await work.bearers.touch(some)
        else:
            await work.sessions.touch(some)
