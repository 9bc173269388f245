"""Sessions of people who signed in, on Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Text,
    cast,
    delete,
    exists,
    false,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import distinct_on

from funkhaus.domain.user import Session
from funkhaus.storage import rows
from funkhaus.storage.schema import LoginRow, MemberRow, SessionRow, UserRow
from funkhaus.storage.users import USER, user, user_uuid

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Select

    from funkhaus.domain.keyset import Moment
    from funkhaus.storage.rows import Row


class PostgresSessions(rows.Statements):
    """`funkhaus.ports.Sessions`."""

    async def add(self, session: Session, digest: bytes) -> None:
        """Insert a session by the keyed digest of its token."""
        values = {
            "id": UUID(session.id),
            "user_id": UUID(session.user.id),
            "digest": digest,
            "groups": list(session.groups),
            "last_four": session.last_four,
            "created_at": session.created_at,
            "expires_at": session.expires_at,
            "revoked_at": session.revoked_at,
            "client": session.client,
        }
        await self._insert(insert(SessionRow).values(values), "there is such a session already")

    async def get(self, session_id: str) -> Session | None:
        """The session with this id, valid or not; none for what is no id."""
        try:
            statement = sessions().where(SessionRow.id == UUID(session_id))
        except ValueError:
            return None
        row = (await self._run(statement)).one_or_none()
        return None if row is None else session(row)

    async def page(
        self, user_id: str, now: datetime, *, after: Moment | None = None, limit: int = 100
    ) -> Sequence[Session]:
        """A user's that are valid at `now`, newest first, those older than `after`."""
        statement = sessions().where(*_valid(user_id, now))
        age = (SessionRow.created_at, SessionRow.id)
        found = await self._run(rows.newest(statement, age, after, limit))
        return [session(row) for row in found]

    async def of_groups(
        self,
        tenant: str,
        groups: Mapping[str, Collection[str]],
        now: datetime,
        *,
        after: str = "",
        limit: int = 100,
    ) -> Sequence[Session]:
        """The newest valid session of each user who is in one of `groups` and no member of `tenant`, by the user's id."""
        member = exists().where(MemberRow.tenant_id == tenant, MemberRow.user_id == UserRow.id)
        within = [
            (UserRow.iss == issuer)
            & SessionRow.groups.bool_op("&&")(cast(sorted(names), ARRAY(Text)))
            for issuer, names in groups.items()
        ]
        statement = (
            sessions()
            .where(*_alive(now), UserRow.disabled_at.is_(None), ~member, or_(false(), *within))
            .ext(distinct_on(UserRow.id))
            .order_by(UserRow.id, SessionRow.created_at.desc(), SessionRow.id.desc())
            .limit(limit)
        )
        if after:
            try:
                statement = statement.where(UserRow.id > UUID(after))
            except ValueError:
                return []
        return [session(row) for row in await self._run(statement)]

    async def touch(self, uses: Mapping[str, datetime]) -> None:
        """Note when sessions, by id, were last used."""
        for session_id, at in sorted(
            uses.items()
        ):  # one order: no two processes wait for each other
            await self._run(
                update(SessionRow)
                .where(SessionRow.id == UUID(session_id))
                .values(last_used_at=func.greatest(SessionRow.last_used_at, at))
            )

    async def revoke(self, session_id: str, now: datetime) -> None:
        """Revoke; one that is revoked or not there stays as it is."""
        await self._run(
            update(SessionRow)
            .where(SessionRow.id == UUID(session_id), SessionRow.revoked_at.is_(None))
            .values(revoked_at=now)
        )

    async def revoke_of(self, user_id: str, now: datetime, *, keep: str = "") -> Sequence[str]:
        """Revoke a user's that are valid at `now`, but the one with the id `keep`; the ids of those, sorted."""
        statement = update(SessionRow).where(*_valid(user_id, now))
        if keep:
            statement = statement.where(SessionRow.id != UUID(keep))
        found = await self._run(statement.values(revoked_at=now).returning(SessionRow.id))
        return sorted(str(row.id) for row in found)

    async def forget(self, before: datetime, *, limit: int = 200) -> int:
        """Delete sessions that ended before by time, some at a time, but those a sign-in names; how many that were."""
        named = select(LoginRow.session_id).where(LoginRow.session_id == SessionRow.id)
        ended = (
            select(SessionRow.id)
            .where(SessionRow.expires_at < before, ~named.exists())
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return (await self._run(delete(SessionRow).where(SessionRow.id.in_(ended)))).rowcount


def _valid(user_id: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (SessionRow.user_id == user_uuid(user_id), *_alive(now))


def _alive(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (SessionRow.revoked_at.is_(None), SessionRow.expires_at > now)


def sessions() -> Select[*tuple[Row, ...]]:
    """Sessions with their users."""
    return select(
        *USER,
        SessionRow.id.label("session_id"),
        SessionRow.groups,
        SessionRow.last_four,
        SessionRow.created_at.label("began_at"),
        SessionRow.expires_at,
        SessionRow.revoked_at,
        SessionRow.client,
        SessionRow.last_used_at,
    ).join(SessionRow, SessionRow.user_id == UserRow.id)


def session(row: Row) -> Session:
    """A row of `sessions`."""
    return Session(
        id=str(row.session_id),
        user=user(row),
        groups=tuple(row.groups),
        last_four=row.last_four,
        created_at=row.began_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        client=row.client,
        last_used_at=row.last_used_at,
    )
