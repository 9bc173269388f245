"""Users and their roles on Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import and_, delete, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from funkhaus.domain.errors import NotFoundError
from funkhaus.domain.subject import PlatformRole, Role
from funkhaus.domain.tenant import Suspension
from funkhaus.domain.user import User
from funkhaus.storage import rows
from funkhaus.storage.members import INVITATION, invitation
from funkhaus.storage.schema import (
    InvitationRow,
    MemberRow,
    PlatformRoleRow,
    TenantRow,
    UserRow,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from funkhaus.domain.keyset import Moment
    from funkhaus.domain.member import Invitation
    from funkhaus.domain.user import Identity
    from funkhaus.storage.rows import Row

ROLES_LIMIT = 500
"""Tenants of one user that are looked at."""
USER = (
    UserRow.id,
    UserRow.iss,
    UserRow.sub,
    UserRow.email,
    UserRow.display_name,
    UserRow.created_at,
    UserRow.last_login_at,
    UserRow.disabled_at,
    UserRow.disabled_for,
    UserRow.disabled_by,
)
"""What makes a `User`."""


class PostgresUsers(rows.Statements):
    """`funkhaus.ports.Users`."""

    async def signed_in(self, identity: Identity, now: datetime) -> User:
        """The user of an identity, made or brought up to date."""
        facts = {
            "email": identity.email,
            "display_name": identity.display_name,
            "last_login_at": now,
        }
        statement = (
            insert(UserRow)
            .values(id=uuid4(), iss=identity.issuer, sub=identity.sub, created_at=now, **facts)
            .on_conflict_do_update(constraint="uq_users_iss_sub", set_=facts)
            .returning(*USER)
        )
        return user((await self._run(statement)).one())

    async def user(self, user_id: str) -> User:
        """One user; raises `NotFoundError`."""
        statement = select(*USER).where(UserRow.id == user_uuid(user_id))
        if (row := (await self._run(statement)).one_or_none()) is None:
            raise NotFoundError(no_user(user_id))
        return user(row)

    async def page(
        self, *, email: str = "", after: tuple[str, str] = ("", ""), limit: int = 100
    ) -> Sequence[User]:
        """Users whose address begins with `email`, by address and id, those behind `after`; none behind what is no id."""
        address = UserRow.email.collate("C")  # the same order wherever the database was made
        statement = select(*USER).order_by(address, UserRow.id).limit(limit)
        if email:
            statement = statement.where(UserRow.email.startswith(email, autoescape=True))
        last, key = after
        if key:
            try:
                place = UUID(key)
            except ValueError:
                return []
            statement = statement.where(
                or_(address > last, and_(address == last, UserRow.id > place))
            )
        return [user(row) for row in await self._run(statement)]

    async def disable(self, user_id: str, word: Suspension | None) -> User:
        """Have the user stay out, or let them in again; raises `NotFoundError`."""
        statement = (
            update(UserRow)
            .where(UserRow.id == user_uuid(user_id))
            .values(
                disabled_at=word.at if word else None,
                disabled_for=word.reason if word else "",
                disabled_by=word.by if word else "",
            )
            .returning(*USER)
        )
        if (row := (await self._run(statement)).one_or_none()) is None:
            raise NotFoundError(no_user(user_id))
        return user(row)

    async def lock(self, user_id: str) -> None:
        """Be the only one who counts what the user has; raises `NotFoundError`."""
        statement = select(UserRow.id).where(UserRow.id == user_uuid(user_id)).with_for_update()
        if (await self._run(statement)).one_or_none() is None:
            raise NotFoundError(no_user(user_id))

    async def roles(self, user_id: str) -> Mapping[str, Role]:
        """Role per tenant, of tenants that are there."""
        statement = (
            select(MemberRow.tenant_id, MemberRow.role)
            .join(TenantRow, TenantRow.tenant_id == MemberRow.tenant_id)
            .where(MemberRow.user_id == user_uuid(user_id), TenantRow.deleted_at.is_(None))
            .order_by(MemberRow.tenant_id)
            .limit(ROLES_LIMIT)
        )
        return {row.tenant_id: Role(row.role) for row in await self._run(statement)}

    async def platform_roles(self, user_id: str) -> frozenset[PlatformRole]:
        """Platform roles granted to the user."""
        statement = select(PlatformRoleRow.role).where(
            PlatformRoleRow.user_id == user_uuid(user_id)
        )
        return frozenset(PlatformRole(row.role) for row in await self._run(statement))

    async def grant(self, user_id: str, role: PlatformRole, by: str, now: datetime) -> None:
        """Grant one; again is harmless; raises `NotFoundError` for a user there isn't."""
        await self.user(user_id)
        await self._run(
            insert(PlatformRoleRow)
            .values(user_id=user_uuid(user_id), role=role.value, granted_by=by, granted_at=now)
            .on_conflict_do_nothing()
        )

    async def withdraw(self, user_id: str, role: PlatformRole) -> None:
        """Withdraw one; raises `NotFoundError`."""
        done = await self._run(
            delete(PlatformRoleRow).where(
                PlatformRoleRow.user_id == user_uuid(user_id), PlatformRoleRow.role == role.value
            )
        )
        if not done.rowcount:
            raise NotFoundError(f"user {user_id} was not granted {role.value}")

    async def grants(
        self, *, after: tuple[str, str] = ("", ""), limit: int = 100
    ) -> Sequence[tuple[User, PlatformRole]]:
        """Grants by the user's id and the role, those behind `after`; none behind what is no id."""
        statement = (
            select(*USER, PlatformRoleRow.role)
            .join(PlatformRoleRow, PlatformRoleRow.user_id == UserRow.id)
            .order_by(PlatformRoleRow.user_id, PlatformRoleRow.role)
            .limit(limit)
        )
        holder, role = after
        if holder:
            try:
                place = (UUID(holder), role)
            except ValueError:
                return []
            statement = statement.where(
                tuple_(PlatformRoleRow.user_id, PlatformRoleRow.role) > place
            )
        return [(user(row), PlatformRole(row.role)) for row in await self._run(statement)]

    async def found(self, user_id: str, tenant: str, now: datetime) -> None:
        """Make the user the founder and an owner of a tenant that was just added."""
        key = user_uuid(user_id)
        await self._run(
            update(TenantRow).where(TenantRow.tenant_id == tenant).values(founded_by=key)
        )
        await self._run(
            insert(MemberRow).values(
                tenant_id=tenant, user_id=key, role=Role.OWNER.value, since=now
            )
        )

    async def founded(self, user_id: str) -> int:
        """How many tenants that are there the user founded."""
        statement = select(func.count()).where(
            TenantRow.founded_by == user_uuid(user_id), TenantRow.deleted_at.is_(None)
        )
        return int((await self._run(statement)).scalar_one())

    async def invitation_by_digest(self, digest: bytes) -> Invitation | None:
        """The invitation with this keyed digest, whatever its state; none of a tenant that is gone."""
        statement = (
            select(*INVITATION)
            .join(TenantRow, TenantRow.tenant_id == InvitationRow.tenant_id)
            .where(InvitationRow.digest == digest, TenantRow.deleted_at.is_(None))
        )
        row = (await self._run(statement)).one_or_none()
        return None if row is None else invitation(row)

    async def invitations_to(
        self, email: str, now: datetime, *, after: Moment | None = None, limit: int = 100
    ) -> Sequence[Invitation]:
        """Open invitations to an address, newest first, those older than `after`."""
        statement = (
            select(*INVITATION)
            .join(TenantRow, TenantRow.tenant_id == InvitationRow.tenant_id)
            .where(
                InvitationRow.email == email,
                InvitationRow.accepted_by.is_(None),
                InvitationRow.revoked_at.is_(None),
                InvitationRow.expires_at > now,
                TenantRow.deleted_at.is_(None),
            )
        )
        age = (InvitationRow.created_at, InvitationRow.id)
        statement = rows.newest(statement, age, after, limit)
        return [invitation(row) for row in await self._run(statement)] if email else []

    async def invitation_to(self, email: str, invitation_id: str) -> Invitation | None:
        """The invitation of that id to an address, whatever its state; none of a tenant that is gone."""
        try:
            key = UUID(invitation_id)
        except ValueError:
            return None
        statement = (
            select(*INVITATION)
            .join(TenantRow, TenantRow.tenant_id == InvitationRow.tenant_id)
            .where(
                InvitationRow.id == key,
                InvitationRow.email == email,
                TenantRow.deleted_at.is_(None),
            )
        )
        row = (await self._run(statement)).one_or_none() if email else None
        return None if row is None else invitation(row)


def user(row: Row) -> User:
    """A user from the columns `USER`."""
    return User(
        id=str(row.id),
        issuer=row.iss,
        sub=row.sub,
        email=row.email,
        display_name=row.display_name,
        created_at=row.created_at,
        last_login_at=row.last_login_at,
        disabled=Suspension(row.disabled_at, row.disabled_for, row.disabled_by)
        if row.disabled_at
        else None,
    )


def no_user(user_id: str) -> str:
    """The sentence for a user there isn't."""
    return f"there is no user {user_id!r}: people exist here once they have signed in"


def user_uuid(user_id: str) -> UUID:
    """The key of a user; raises `NotFoundError` for what can't be one."""
    try:
        return UUID(user_id)
    except ValueError as error:
        raise NotFoundError(no_user(user_id)) from error
