"""Members and invitations of one tenant on Postgres. Every statement names the tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import delete, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from funkhaus.domain.errors import NotFoundError
from funkhaus.domain.member import Invitation, Member
from funkhaus.domain.subject import PREFIX, Role
from funkhaus.storage import rows
from funkhaus.storage.schema import InvitationRow, MemberRow, TokenRow, UserRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Select
    from sqlalchemy.ext.asyncio import AsyncConnection

    from funkhaus.domain.keyset import Moment
    from funkhaus.storage.rows import Row

INVITATION = (
    InvitationRow.id,
    InvitationRow.tenant_id,
    InvitationRow.email,
    InvitationRow.role,
    InvitationRow.invited_by,
    InvitationRow.created_at,
    InvitationRow.expires_at,
    InvitationRow.accepted_by,
    InvitationRow.revoked_at,
)


class PostgresMembers(rows.Statements):
    """`funkhaus.ports.Members`."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        super().__init__(connection)
        self._tenant = tenant

    def _select(self) -> Select[*tuple[Row, ...]]:
        return (
            select(
                MemberRow.user_id,
                UserRow.email,
                UserRow.display_name,
                MemberRow.role,
                MemberRow.since,
                UserRow.iss,
                UserRow.sub,
            )
            .join(UserRow, UserRow.id == MemberRow.user_id)
            .where(MemberRow.tenant_id == self._tenant)
        )

    async def page(self, *, after: str = "", limit: int = 100) -> Sequence[Member]:
        """Members by the user's id, those behind `after`; none behind what is no id."""
        statement = self._select().order_by(MemberRow.user_id).limit(limit)
        if after:
            if (place := _uuid(after)) is None:
                return []
            statement = statement.where(MemberRow.user_id > place)
        return [_member(row) for row in await self._run(statement)]

    async def count(self) -> int:
        """How many there are."""
        statement = select(func.count()).where(MemberRow.tenant_id == self._tenant)
        return int((await self._run(statement)).scalar_one())

    async def find(self, user_id: str) -> Member | None:
        """One member."""
        if (key := _uuid(user_id)) is None:
            return None
        row = (await self._run(self._select().where(MemberRow.user_id == key))).one_or_none()
        return None if row is None else _member(row)

    async def identified(self, issuer: str, sub: str) -> str | None:
        """The id of the user a provider knows by `sub`, member or not."""
        statement = select(UserRow.id).where(UserRow.iss == issuer, UserRow.sub == sub)
        found = (await self._run(statement)).scalar_one_or_none()
        return None if found is None else str(found)

    async def owners(self) -> int:
        """How many owners there are."""
        statement = select(func.count()).where(
            MemberRow.tenant_id == self._tenant, MemberRow.role == Role.OWNER.value
        )
        return int((await self._run(statement)).scalar_one())

    async def put(self, user_id: str, role: Role, now: datetime) -> None:
        """Make the user a member, or change the role; raises `NotFoundError` for a user there isn't."""
        key = _uuid(user_id)
        known = key and (await self._run(select(exists().where(UserRow.id == key)))).scalar()
        if not known:
            raise NotFoundError(
                f"there is no user {user_id!r}: people exist here once they have signed in"
            )
        await self._run(
            insert(MemberRow)
            .values(tenant_id=self._tenant, user_id=key, role=role.value, since=now)
            .on_conflict_do_update(constraint="pk_members", set_={"role": role.value})
        )

    async def remove(self, user_id: str) -> None:
        """Remove a member; raises `NotFoundError`."""
        done = await self._run(
            delete(MemberRow).where(
                MemberRow.tenant_id == self._tenant, MemberRow.user_id == _uuid(user_id)
            )
        )
        if not done.rowcount:
            raise NotFoundError(f"user {user_id!r} is no member")

    async def invitations(
        self, *, after: Moment | None = None, limit: int = 100
    ) -> Sequence[Invitation]:
        """Invitations, newest first, ended ones too, those older than `after`."""
        statement = select(*INVITATION).where(InvitationRow.tenant_id == self._tenant)
        age = (InvitationRow.created_at, InvitationRow.id)
        return [
            invitation(row) for row in await self._run(rows.newest(statement, age, after, limit))
        ]

    async def open_invitations(self, now: datetime) -> int:
        """How many can still be taken."""
        statement = select(func.count()).where(
            InvitationRow.tenant_id == self._tenant,
            InvitationRow.accepted_by.is_(None),
            InvitationRow.revoked_at.is_(None),
            InvitationRow.expires_at > now,
        )
        return int((await self._run(statement)).scalar_one())

    async def invite(self, invitation: Invitation, digest: bytes) -> None:
        """Insert an invitation by the keyed digest of its secret."""
        if invitation.tenant != self._tenant:
            raise ValueError(
                f"a row of tenant {invitation.tenant!r} in a transaction of {self._tenant!r}"
            )
        values = {
            "id": UUID(invitation.id),
            "tenant_id": self._tenant,
            "digest": digest,
            "email": invitation.email,
            "role": invitation.role.value,
            "invited_by": invitation.invited_by,
            "created_at": invitation.created_at,
            "expires_at": invitation.expires_at,
        }
        await self._insert(
            insert(InvitationRow).values(values), "there is such an invitation already"
        )

    async def withdraw(self, invitation_id: str, now: datetime) -> Invitation:
        """Revoke one; an ended one stays as it is; raises `NotFoundError`."""
        own = (
            InvitationRow.tenant_id == self._tenant,
            InvitationRow.id == _uuid(invitation_id),
        )
        await self._run(
            update(InvitationRow)
            .where(*own, InvitationRow.accepted_by.is_(None), InvitationRow.revoked_at.is_(None))
            .values(revoked_at=now)
        )
        row = (await self._run(select(*INVITATION).where(*own))).one_or_none()
        if row is None:
            raise NotFoundError(f"there is no invitation {invitation_id!r}")
        return invitation(row)

    async def withdraw_of(self, person: str, now: datetime) -> int:
        """Revoke all open ones that a cluster user made, by themselves or with a token they issued; how many that were."""
        with_a_token = select(func.concat(PREFIX, TokenRow.subject_id)).where(
            TokenRow.tenant_id == self._tenant, TokenRow.issued_by == person
        )
        done = await self._run(
            update(InvitationRow)
            .where(
                InvitationRow.tenant_id == self._tenant,
                or_(InvitationRow.invited_by == person, InvitationRow.invited_by.in_(with_a_token)),
                InvitationRow.accepted_by.is_(None),
                InvitationRow.revoked_at.is_(None),
                InvitationRow.expires_at > now,
            )
            .values(revoked_at=now)
        )
        return done.rowcount

    async def take(self, invitation_id: str, user_id: str, now: datetime) -> bool:
        """Use an open invitation up, in one statement; whether it was open."""
        done = await self._run(
            update(InvitationRow)
            .where(
                InvitationRow.tenant_id == self._tenant,
                InvitationRow.id == _uuid(invitation_id),
                InvitationRow.accepted_by.is_(None),
                InvitationRow.revoked_at.is_(None),
                InvitationRow.expires_at > now,
            )
            .values(accepted_by=UUID(user_id), accepted_at=now)
        )
        return bool(done.rowcount)


def _uuid(text: str) -> UUID | None:
    """The key, or ``None``, which no row has, for what can't be one."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _member(row: Row) -> Member:
    return Member(
        user_id=str(row.user_id),
        email=row.email,
        display_name=row.display_name,
        role=Role(row.role),
        since=row.since,
        issuer=row.iss,
        sub=row.sub,
    )


def invitation(row: Row) -> Invitation:
    """An invitation from the columns `INVITATION`."""
    return Invitation(
        id=str(row.id),
        tenant=row.tenant_id,
        email=row.email,
        role=Role(row.role),
        invited_by=row.invited_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        accepted_by=str(row.accepted_by or ""),
        revoked_at=row.revoked_at,
    )
