"""Members of a tenant. Owners decide; everybody may leave; the last owner stays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from funkhaus.domain.errors import ConflictError, InvalidError, NotFoundError
from funkhaus.domain.group_rule import rule_within
from funkhaus.domain.member import MEMBERS_LIMIT, Member
from funkhaus.domain.permission import ROLE_PERMISSIONS, Permission, require
from funkhaus.domain.scope import require_role
from funkhaus.domain.subject import PREFIX, Role
from funkhaus.domain.verdict import Finding
from funkhaus.services import states
from funkhaus.services.pages import cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.domain.group_rule import GroupRule
    from funkhaus.domain.token import Token
    from funkhaus.ports import Clock, Stores, TenantWork
    from funkhaus.services.acts import Acts, Asker

_BY_GROUP = "group"
"""What places in the list begin with that are among those who come by a group."""


@dataclass(frozen=True, slots=True)
class Left:
    """What somebody had made who is no member any more, or may less: how many open invitations, which are revoked, and
    valid tokens, the newest of them, which are revoked where that was asked for.
    """

    invitations: int = 0
    tokens: tuple[Token, ...] = ()
    revoked: bool = False

    @property
    def told(self) -> dict[str, object]:
        """For the audit log."""
        ids = [token.id for token in self.tokens]
        return {"invitations": self.invitations, "tokens": ids, "tokensRevoked": self.revoked}


class MemberService:
    """Use cases on members."""

    def __init__(
        self, stores: Stores, acts: Acts, clock: Clock, rules: Sequence[GroupRule] = ()
    ) -> None:
        self._stores, self._acts, self._clock, self._rules = stores, acts, clock, rules

    async def page(
        self, asker: Asker, tenant: str, *, after: str, limit: int
    ) -> tuple[Sequence[Member], str]:
        """Who is in the tenant, and where the next page begins ("" when there is none): its members by user, then by user
        those who are signed in with a group that a rule gives a role for.
        """
        kind, _, key = after.rpartition(" ")
        found: Sequence[Member] = ()
        async with self._acts.reading(asker, Permission.MEMBER_READ, tenant):
            async with self._stores.begin(tenant) as work:
                await work.tenant()
                if kind != _BY_GROUP:
                    found = await work.members.page(after=key, limit=limit + 1)
                    key = ""
            if len(found) > limit:
                return cut(found, limit, lambda item: item.user_id)
            room = limit - len(found)
            more = await self._by_group(tenant, after=key, limit=room + 1)
        shown = more[:room]
        place = f"{_BY_GROUP} {shown[-1].user_id if shown else key}" if len(more) > room else ""
        return [*found, *shown], place

    async def rules(self, asker: Asker, tenant: str) -> Sequence[GroupRule]:
        """The rules that give roles in the tenant, the first to match first; the operator's configuration."""
        async with (
            self._acts.reading(asker, Permission.MEMBER_READ, tenant),
            self._stores.begin(tenant) as work,
        ):
            await work.tenant()
        return [rule for rule in self._rules if rule.tenant == tenant and rule.role]

    async def _by_group(self, tenant: str, *, after: str, limit: int) -> Sequence[Member]:
        groups: dict[str, set[str]] = {}
        for rule in self._rules:
            if rule.tenant == tenant and rule.role:
                groups.setdefault(rule.issuer, set()).add(rule.group)
        if not groups:
            return []
        async with self._stores.begin_platform() as work:
            sessions = await work.sessions.of_groups(
                tenant, groups, self._clock.now(), after=after, limit=limit
            )
        found = []
        for session in sessions:
            user = session.user
            given = rule_within(self._rules, tenant, user.issuer, session.groups)
            if given and given.role:
                facts = (user.id, user.email, user.display_name, given.role, session.created_at)
                member = Member(*facts, user.issuer, user.sub, given.group, session.expires_at)
                found.append(member)
        return found

    async def identify(self, asker: Asker, tenant: str, issuer: str, sub: str) -> str:
        """The id of the user a provider knows by `sub`, for who may make members of them.

        Raises `InvalidError` for nobody who has signed in here.
        """
        async with (
            self._acts.reading(asker, Permission.MEMBER_WRITE, tenant, sub),
            self._stores.begin(tenant) as work,
        ):
            await work.tenant()
            found = await work.members.identified(issuer, sub)
        if found is None:
            message = "nobody of that issuer and sub has signed in here yet: invite them"
            raise InvalidError.at(Finding("user-unknown", message, "sub", value=sub))
        return found

    async def put(
        self, asker: Asker, tenant: str, user_id: str, role: Role, *, revoke_tokens: bool = False
    ) -> tuple[Member, Left]:
        """Make somebody a member, or change their role; where they may less then, also what they left (see `remove`).

        Raises `InvalidError` (nobody of that id has signed in), `ConflictError` (the last owner, a full tenant),
        `ForbiddenError` (a role that may more than the asker's own credential).
        """
        async with (
            self._acts.doing(asker, Permission.MEMBER_WRITE, tenant, user_id) as act,
            self._stores.begin(tenant) as work,
        ):
            await work.lock()
            before = await work.members.find(user_id)
            act.detail |= {"role": role.value, "before": before.role.value if before else ""}
            require_role(asker.subject, tenant, role)
            if before and role is not Role.OWNER:
                await _keep_an_owner(work, before)
            if not before:
                await room_for_one_more(work)
            try:
                await work.members.put(user_id, role, self._clock.now())
            except NotFoundError as error:
                raise InvalidError.at(
                    Finding("user-unknown", error.message, "user", value=user_id)
                ) from error
            member = await work.members.find(user_id)
            if member is None:
                raise NotFoundError(f"user {user_id!r} is no member")
            act.changed(
                states.member(member.user_id, before.role) if before else None,
                states.member(member.user_id, member.role),
            )
            left = Left()
            if before and ROLE_PERMISSIONS[before.role] - ROLE_PERMISSIONS[role]:
                left = await self._left(asker, work, tenant, member, revoke_tokens=revoke_tokens)
                act.detail |= left.told
            await act.done_in(work)
        return member, left

    async def remove(
        self, asker: Asker, tenant: str, user_id: str, *, revoke_tokens: bool = False
    ) -> Left:
        """Remove a member, or leave. In force with the next request. Their open invitations end with it; tokens they issued
        are the tenant's and go on, unless `revoke_tokens`, which takes ``token:revoke`` too.

        Raises `NotFoundError`, `ConflictError`, `ForbiddenError`.
        """
        leaving = asker.subject.is_user and user_id.lower() == asker.subject.id
        permission = Permission.MEMBER_READ if leaving else Permission.MEMBER_WRITE
        async with (
            self._acts.doing(
                asker,
                permission,
                tenant,
                user_id,
                action=Permission.MEMBER_WRITE.value,
                takes_away=True,
            ) as act,
            self._stores.begin(tenant) as work,
        ):
            await work.lock()
            member = await work.members.find(user_id)
            if member is None:
                raise NotFoundError(f"user {user_id!r} is no member")
            act.detail |= {"role": "", "before": member.role.value}
            await _keep_an_owner(work, member)
            await work.members.remove(user_id)
            act.changed(states.member(member.user_id, member.role), None)
            left = await self._left(asker, work, tenant, member, revoke_tokens=revoke_tokens)
            act.detail |= left.told
            await act.done_in(work)
        return left

    async def _left(
        self, asker: Asker, work: TenantWork, tenant: str, member: Member, *, revoke_tokens: bool
    ) -> Left:
        person, now = f"{PREFIX}{member.user_id}", self._clock.now()
        tokens = await work.tokens.issued_by(person, now)
        if revoke_tokens:
            require(asker.subject, Permission.TOKEN_REVOKE, tenant)
            await work.tokens.revoke_issued(person, now)
            tokens = [replace(token, revoked_at=now) for token in tokens]
        invitations = await work.members.withdraw_of(person, now)
        return Left(invitations, tuple(tokens), revoke_tokens and bool(tokens))


async def room_for_one_more(work: TenantWork) -> None:
    """Raises `ConflictError` where a tenant has as many members as there may be."""
    members = await work.members.count()
    if members >= MEMBERS_LIMIT:
        message = f"a tenant has at most {MEMBERS_LIMIT} members; a group rule brings more"
        finding = Finding("members-full", message, "user", limit=MEMBERS_LIMIT, value=members + 1)
        raise ConflictError(message, findings=[finding])


async def _keep_an_owner(work: TenantWork, member: Member) -> None:
    if member.role is Role.OWNER and await work.members.owners() == 1:
        message = (
            "this is the last owner, and a tenant keeps one: make somebody else an owner first"
        )
        finding = Finding("last-owner", message, "user", limit=1, value=member.user_id)
        raise ConflictError(message, findings=[finding])
