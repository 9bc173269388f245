"""`Sessions` without a database, on the rows of `MemoryStores`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from funkhaus.domain.errors import ConflictError

from .ages import newest
from .users import canonical

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from funkhaus.domain.keyset import Moment
    from funkhaus.domain.user import Session

    from .stores import State


class MemorySessions:
    def __init__(self, state: State) -> None:
        self._people, self._rows = state.people, state.people.sessions

    async def add(self, session: Session, digest: bytes) -> None:
        if digest in self._rows:
            raise ConflictError("there is such a session already")
        self._rows[digest] = session

    async def by_digest(self, digest: bytes) -> Session | None:
        session = self._rows.get(digest)
        return session and replace(session, user=self._people.users[session.user.id])

    async def get(self, session_id: str) -> Session | None:
        for digest, session in self._rows.items():
            if session.id == canonical(session_id):
                return await self.by_digest(digest)
        return None

    def _valid(self, user_id: str, now: datetime) -> dict[bytes, Session]:
        return {
            digest: session
            for digest, session in self._rows.items()
            if session.user.id == canonical(user_id) and session.is_valid(now)
        }

    async def page(
        self, user_id: str, now: datetime, *, after: Moment | None = None, limit: int = 100
    ) -> Sequence[Session]:
        own = [await self.by_digest(digest) for digest in self._valid(user_id, now)]
        return newest([item for item in own if item], lambda item: item.created_at, after, limit)

    async def of_groups(
        self,
        tenant: str,
        groups: Mapping[str, Collection[str]],
        now: datetime,
        *,
        after: str = "",
        limit: int = 100,
    ) -> Sequence[Session]:
        if after and not canonical(after):
            return []
        newest_of: dict[str, Session] = {}
        for digest in self._rows:
            session = await self.by_digest(digest)
            if session is None or not session.is_valid(now) or session.user.disabled:
                continue
            user = session.user
            if (tenant, user.id) in self._people.members or user.id <= canonical(after):
                continue
            if not set(session.groups) & set(groups.get(user.issuer, ())):
                continue
            newest_of[user.id] = max(
                (session, newest_of.get(user.id, session)),
                key=lambda item: (item.created_at, item.id),
            )
        return [newest_of[user] for user in sorted(newest_of)][:limit]

    async def touch(self, uses: Mapping[str, datetime]) -> None:
        for digest, session in self._rows.items():
            if at := uses.get(session.id):
                before = session.last_used_at
                self._rows[digest] = replace(session, last_used_at=max(before or at, at))

    async def revoke(self, session_id: str, now: datetime) -> None:
        for digest, session in self._rows.items():
            if session.id == session_id and session.revoked_at is None:
                self._rows[digest] = replace(session, revoked_at=now)

    async def revoke_of(self, user_id: str, now: datetime, *, keep: str = "") -> Sequence[str]:
        ended = {
            digest: session
            for digest, session in self._valid(user_id, now).items()
            if session.id != keep
        }
        for digest, session in ended.items():
            self._rows[digest] = replace(session, revoked_at=now)
        return sorted(session.id for session in ended.values())

    async def forget(self, before: datetime, *, limit: int = 200) -> int:
        named = {login.session_id for login in self._people.logins.values()}
        ended = [
            digest
            for digest, session in self._rows.items()
            if session.expires_at < before and session.id not in named
        ][:limit]
        for digest in ended:
            del self._rows[digest]
        return len(ended)
