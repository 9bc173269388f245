"""`Users`, `Members` and `Logins` without a database, on the rows of `MemoryStores`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from funkhaus.domain.errors import ConflictError, NotFoundError
from funkhaus.domain.login import UNANSWERED, Stage
from funkhaus.domain.member import Invitation, Member
from funkhaus.domain.subject import PlatformRole, Role
from funkhaus.domain.user import Identity, Session, User

from .ages import newest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from funkhaus.domain.keyset import Moment
    from funkhaus.domain.login import Login
    from funkhaus.domain.tenant import Suspension

    from .stores import State


@dataclass
class People:
    """Rows. `members` by tenant and user; `founders` by tenant."""

    users: dict[str, User] = field(default_factory=dict)
    sessions: dict[bytes, Session] = field(default_factory=dict)
    grants: set[tuple[str, PlatformRole]] = field(default_factory=set)
    members: dict[tuple[str, str], tuple[Role, datetime]] = field(default_factory=dict)
    founders: dict[str, str] = field(default_factory=dict)
    invitations: dict[bytes, Invitation] = field(default_factory=dict)
    logins: dict[str, Login] = field(default_factory=dict)

    def __copy__(self) -> People:
        return People(**{name: value.copy() for name, value in vars(self).items()})


def canonical(key: str) -> str:
    try:
        return str(UUID(key))
    except ValueError:
        return ""


def _user(people: People, user_id: str) -> User:
    if (user := people.users.get(canonical(user_id))) is None:
        raise NotFoundError(
            f"there is no user {user_id!r}: people exist here once they have signed in"
        )
    return user


class MemoryUsers:
    def __init__(self, state: State) -> None:
        self._state, self._people = state, state.people

    async def signed_in(self, identity: Identity, now: datetime) -> User:
        for user in self._people.users.values():
            if (user.issuer, user.sub) == (identity.issuer, identity.sub):
                break
        else:
            user = User(str(uuid4()), identity.issuer, identity.sub, "", "", now, now)
        user = replace(
            user, email=identity.email, display_name=identity.display_name, last_login_at=now
        )
        self._people.users[user.id] = user
        return user

    async def user(self, user_id: str) -> User:
        return _user(self._people, user_id)

    async def page(
        self, *, email: str = "", after: tuple[str, str] = ("", ""), limit: int = 100
    ) -> Sequence[User]:
        if after[1] and not canonical(after[1]):
            return []
        own = sorted(self._people.users.values(), key=lambda item: (item.email, item.id))
        behind = (after[0], canonical(after[1]))
        return [
            item
            for item in own
            if item.email.startswith(email) and (not after[1] or (item.email, item.id) > behind)
        ][:limit]

    async def disable(self, user_id: str, word: Suspension | None) -> User:
        user = replace(_user(self._people, user_id), disabled=word)
        self._people.users[user.id] = user
        return user

    async def lock(self, user_id: str) -> None:
        _user(self._people, user_id)

    async def roles(self, user_id: str) -> Mapping[str, Role]:
        return {
            tenant: role
            for (tenant, user), (role, _) in sorted(self._people.members.items())
            if user == canonical(user_id)
        }

    async def platform_roles(self, user_id: str) -> frozenset[PlatformRole]:
        return frozenset(role for user, role in self._people.grants if user == canonical(user_id))

    async def grant(self, user_id: str, role: PlatformRole, by: str, now: datetime) -> None:
        assert by
        assert now
        self._people.grants.add((_user(self._people, user_id).id, role))

    async def withdraw(self, user_id: str, role: PlatformRole) -> None:
        if (canonical(user_id), role) not in self._people.grants:
            raise NotFoundError(f"user {user_id} was not granted {role.value}")
        self._people.grants.discard((canonical(user_id), role))

    async def grants(
        self, *, after: tuple[str, str] = ("", ""), limit: int = 100
    ) -> Sequence[tuple[User, PlatformRole]]:
        user, role = after
        if user and not canonical(user):
            return []
        behind = (canonical(user), role)
        held = sorted((user, role.value) for user, role in self._people.grants)
        return [
            (self._people.users[user], PlatformRole(role))
            for user, role in held
            if not after[0] or (user, role) > behind
        ][:limit]

    async def found(self, user_id: str, tenant: str, now: datetime) -> None:
        assert tenant in self._state.tenants
        self._people.founders[tenant] = canonical(user_id)
        self._people.members[(tenant, canonical(user_id))] = (Role.OWNER, now)

    async def founded(self, user_id: str) -> int:
        return list(self._people.founders.values()).count(canonical(user_id))

    async def invitation_by_digest(self, digest: bytes) -> Invitation | None:
        return self._people.invitations.get(digest)

    async def invitations_to(
        self, email: str, now: datetime, *, after: Moment | None = None, limit: int = 100
    ) -> Sequence[Invitation]:
        own = [
            item
            for item in self._people.invitations.values()
            if email and item.email == email and item.state(now) == "open"
        ]
        return newest(own, lambda item: item.created_at, after, limit)

    async def invitation_to(self, email: str, invitation_id: str) -> Invitation | None:
        return next(
            (
                item
                for item in self._people.invitations.values()
                if email and item.email == email and item.id == canonical(invitation_id)
            ),
            None,
        )


class MemoryMembers:
    def __init__(self, state: State, tenant: str) -> None:
        self._state, self._people, self._tenant = state, state.people, tenant

    async def page(self, *, after: str = "", limit: int = 100) -> Sequence[Member]:
        if after and not canonical(after):
            return []
        return [item for item in self._all() if item.user_id > canonical(after)][:limit]

    async def count(self) -> int:
        return len(self._all())

    def _all(self) -> list[Member]:
        own = [
            Member(user, found.email, found.display_name, role, since, found.issuer, found.sub)
            for (tenant, user), (role, since) in self._people.members.items()
            if tenant == self._tenant and (found := self._people.users[user])
        ]
        return sorted(own, key=lambda item: item.user_id)

    async def find(self, user_id: str) -> Member | None:
        return next((item for item in self._all() if item.user_id == canonical(user_id)), None)

    async def identified(self, issuer: str, sub: str) -> str | None:
        return next(
            (
                user.id
                for user in self._people.users.values()
                if (user.issuer, user.sub) == (issuer, sub)
            ),
            None,
        )

    async def owners(self) -> int:
        return sum(item.role is Role.OWNER for item in self._all())

    async def put(self, user_id: str, role: Role, now: datetime) -> None:
        key = (self._tenant, _user(self._people, user_id).id)
        self._people.members[key] = (role, self._people.members.get(key, (role, now))[1])

    async def remove(self, user_id: str) -> None:
        if (self._tenant, canonical(user_id)) not in self._people.members:
            raise NotFoundError(f"user {user_id!r} is no member")
        del self._people.members[(self._tenant, canonical(user_id))]

    def _invitations(self) -> list[Invitation]:
        return [item for item in self._people.invitations.values() if item.tenant == self._tenant]

    async def invitations(
        self, *, after: Moment | None = None, limit: int = 100
    ) -> Sequence[Invitation]:
        return newest(self._invitations(), lambda item: item.created_at, after, limit)

    async def open_invitations(self, now: datetime) -> int:
        return sum(item.state(now) == "open" for item in self._invitations())

    async def invite(self, invitation: Invitation, digest: bytes) -> None:
        if invitation.tenant != self._tenant:
            raise ValueError(
                f"a row of tenant {invitation.tenant!r} in a transaction of {self._tenant!r}"
            )
        if digest in self._people.invitations:
            raise ConflictError("there is such an invitation already")
        self._people.invitations[digest] = invitation

    async def withdraw(self, invitation_id: str, now: datetime) -> Invitation:
        for digest, item in self._people.invitations.items():
            if item.tenant == self._tenant and item.id == canonical(invitation_id):
                if not item.accepted_by and item.revoked_at is None:
                    self._people.invitations[digest] = replace(item, revoked_at=now)
                return self._people.invitations[digest]
        raise NotFoundError(f"there is no invitation {invitation_id!r}")

    async def withdraw_of(self, person: str, now: datetime) -> int:
        makers = {person} | {
            f"fh:{token.subject_id}"
            for token in self._state.tokens.values()
            if (token.tenant, token.issued_by) == (self._tenant, person)
        }
        found = [
            item
            for item in self._invitations()
            if item.invited_by in makers and item.state(now) == "open"
        ]
        for item in found:
            await self.withdraw(item.id, now)
        return len(found)

    async def take(self, invitation_id: str, user_id: str, now: datetime) -> bool:
        for digest, item in self._people.invitations.items():
            own = item.tenant == self._tenant and item.id == canonical(invitation_id)
            if own and item.state(now) == "open":
                self._people.invitations[digest] = replace(item, accepted_by=user_id)
                return True
        return False


class MemoryLogins:
    def __init__(self, state: State) -> None:
        self._logins = state.people.logins

    async def add(self, login: Login) -> None:
        for name in ("state_digest", "device_digest", "user_code", "code_digest"):
            value = getattr(login, name)
            if value is not None and await self._one(lambda o, n=name, v=value: getattr(o, n) == v):  # type: ignore[misc]
                raise ConflictError("one of its codes is in use already")
        self._logins[login.id] = login

    async def save(self, login: Login) -> None:
        assert login.id in self._logins
        self._logins[login.id] = login

    async def _one(self, matches: Callable[[Login], bool]) -> Login | None:
        return next((login for login in self._logins.values() if matches(login)), None)

    async def by_state(self, digest: bytes) -> Login | None:
        return await self._one(lambda login: login.state_digest == digest)

    async def by_code(self, digest: bytes) -> Login | None:
        return await self._one(lambda login: login.code_digest == digest)

    async def by_device(self, digest: bytes) -> Login | None:
        return await self._one(lambda login: login.device_digest == digest)

    async def by_user_code(self, code: str) -> Login | None:
        return await self._one(lambda login: login.user_code == code)

    async def waiting(self, now: datetime, home: str | None = None) -> int:
        return sum(
            login.expires_at > now
            and login.stage is not Stage.REDEEMED
            and home in {None, login.home}
            for login in self._logins.values()
        )

    async def let_go(self, now: datetime) -> bool:
        homes: dict[str, list[Login]] = {}
        for login in sorted(self._logins.values(), key=lambda item: (item.created_at, item.id)):
            if login.expires_at > now and login.stage in UNANSWERED:
                homes.setdefault(login.home, []).append(login)
        if not homes:
            return False
        largest = min(homes.values(), key=lambda own: (-len(own), own[0].created_at))
        del self._logins[largest[0].id]
        return True

    async def sweep(self, before: datetime) -> int:
        gone = [login.id for login in self._logins.values() if login.expires_at < before]
        for key in gone:
            del self._logins[key]
        return len(gone)
