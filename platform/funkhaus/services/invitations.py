"""Invitations: an offer of a role, to an address or to whoever holds the link, taken once by somebody signed in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from funkhaus.domain.audit import digest_of
from funkhaus.domain.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from funkhaus.domain.keyset import Moment
from funkhaus.domain.member import INVITATION_DAYS_LIMIT, INVITATIONS_LIMIT, Invitation
from funkhaus.domain.permission import Permission
from funkhaus.domain.scope import require_role
from funkhaus.domain.tenant import resting
from funkhaus.domain.token import TokenKind, kind_of
from funkhaus.domain.user import EMAIL_LIMIT
from funkhaus.domain.verdict import Finding
from funkhaus.ports import AuditRow
from funkhaus.services import states
from funkhaus.services.members import room_for_one_more
from funkhaus.services.pages import cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.domain.subject import Role
    from funkhaus.ports import Clock, Stores, TokenMint
    from funkhaus.services.acts import Acts, Asker

ACCEPT = "invitation:accept"
UNKNOWN = "there is no such invitation, or it is not for you: its link works once, until it expires"


@dataclass(frozen=True, slots=True)
class IssuedInvitation:
    """An invitation and its secret, which is shown once and kept nowhere."""

    invitation: Invitation
    secret: str


class InvitationService:
    """Use cases on invitations."""

    def __init__(self, stores: Stores, acts: Acts, mint: TokenMint, clock: Clock) -> None:
        self._stores, self._acts, self._mint, self._clock = stores, acts, mint, clock

    async def invite(
        self, asker: Asker, tenant: str, *, email: str, role: Role, days: int
    ) -> IssuedInvitation:
        """Offer `role` for `days` days; without an `email` to whoever holds the secret.

        Raises `InvalidError` (email, days), `ConflictError` (too many open ones), `ForbiddenError` (a role that may more
        than the asker's own credential).
        """
        async with self._acts.doing(
            asker, Permission.MEMBER_WRITE, tenant, email, action="invitation:create"
        ) as act:
            email = email.strip().casefold()
            _check(email, days)
            require_role(asker.subject, tenant, role)
            now, secret = self._clock.now(), self._mint.mint(TokenKind.INVITATION)
            made = Invitation(
                id=str(uuid4()),
                tenant=tenant,
                email=email,
                role=role,
                invited_by=asker.subject.username,
                created_at=now,
                expires_at=now + timedelta(days=days),
            )
            act.detail |= {"invitation": made.id, "role": role.value, "days": days}
            async with self._stores.begin(tenant) as work:
                await work.lock()
                held = await work.members.open_invitations(now)
                if held >= INVITATIONS_LIMIT:
                    message = (
                        f"{held} invitations are open and {INVITATIONS_LIMIT} may be: revoke one"
                    )
                    finding = Finding("invitations-full", message, limit=INVITATIONS_LIMIT)
                    raise ConflictError(message, findings=[finding])
                await work.members.invite(made, self._mint.digest(secret))
                act.changed(None, states.invitation(made))
                await act.done_in(work)
        return IssuedInvitation(made, secret)

    async def page(
        self, asker: Asker, tenant: str, *, after: str, limit: int
    ) -> tuple[Sequence[Invitation], str]:
        """The tenant's invitations, newest first, ended ones too, and where the next page begins."""
        place = Moment.parse(after)
        async with (
            self._acts.reading(asker, Permission.MEMBER_WRITE, tenant),
            self._stores.begin(tenant) as work,
        ):
            await work.tenant()
            found = await work.members.invitations(after=place, limit=limit + 1)
        return cut(found, limit, _place)

    async def revoke(self, asker: Asker, tenant: str, invitation_id: str) -> Invitation:
        """Revoke one; an ended one stays as it is. Raises `NotFoundError`."""
        async with (
            self._acts.doing(
                asker,
                Permission.MEMBER_WRITE,
                tenant,
                invitation_id,
                action="invitation:revoke",
                takes_away=True,
            ) as act,
            self._stores.begin(tenant) as work,
        ):
            now = self._clock.now()
            ended = await work.members.withdraw(invitation_id, now)
            before = replace(ended, revoked_at=None) if ended.revoked_at == now else ended
            act.changed(states.invitation(before), states.invitation(ended))
            await act.done_in(work)
        return ended

    async def mine(
        self, asker: Asker, *, after: str, limit: int
    ) -> tuple[Sequence[Invitation], str]:
        """Open invitations to the asker's address, newest first; none where the provider checked none."""
        place, email = Moment.parse(after), asker.subject.email.casefold()
        if not email:
            return [], ""
        async with self._stores.begin_platform() as work:
            found = await work.users.invitations_to(
                email, self._clock.now(), after=place, limit=limit + 1
            )
        return cut(found, limit, _place)

    async def accept(
        self, asker: Asker, *, secret: str = "", invitation_id: str = ""
    ) -> Invitation:
        """Take one, by its secret or, when it is to the asker's address, by its id. Gives the role at once.

        Raises `ForbiddenError` (a token can't), `NotFoundError` (unknown, ended, or to another address),
        `ConflictError` (a member already: the invitation stays open).
        """
        async with self._acts.doing(asker, None, None, invitation_id, action=ACCEPT) as act:
            if not asker.subject.is_user:
                raise ForbiddenError(
                    "only a person who signed in takes an invitation: `funkhaus login`"
                )
            offer = await self._offer(asker, secret, invitation_id)
            await self._take(asker, offer)
            act.recorded = True
        return offer

    async def _take(self, asker: Asker, offer: Invitation) -> None:
        subject, now = asker.subject, self._clock.now()
        async with self._stores.begin(offer.tenant) as work:
            await work.lock()
            if objections := (await work.tenant()).objections:
                raise resting(objections)
            if member := await work.members.find(subject.id):
                raise ConflictError(
                    f"you are {member.role.value} of tenant {offer.tenant!r} already; an owner can change that"
                )
            await room_for_one_more(work)
            if not await work.members.take(offer.id, subject.id, now):
                raise NotFoundError(UNKNOWN)
            await work.members.put(subject.id, offer.role, now)
            await work.audit(
                AuditRow(
                    tenant=offer.tenant,
                    subject=subject.username,
                    token_id=subject.token_id,
                    action=ACCEPT,
                    target=offer.id,
                    outcome="done",
                    request_id=asker.request_id,
                    detail={"role": offer.role.value, "by": offer.invited_by},
                    issuer=subject.issuer,
                    sub=subject.sub,
                    before=digest_of(states.invitation(offer)),
                    after=digest_of(states.invitation(replace(offer, accepted_by=subject.id))),
                )
            )

    async def _offer(self, asker: Asker, secret: str, invitation_id: str) -> Invitation:
        email, now = asker.subject.email.casefold(), self._clock.now()
        async with self._stores.begin_platform() as work:
            offer = None
            if secret and kind_of(secret) is TokenKind.INVITATION:
                offer = await work.users.invitation_by_digest(self._mint.digest(secret))
            elif invitation_id:
                offer = await work.users.invitation_to(email, invitation_id)
        if offer is None or offer.state(now) != "open" or offer.email not in {"", email}:
            raise NotFoundError(UNKNOWN)
        return offer


def _place(item: Invitation) -> Moment:
    return Moment.of(item.created_at, item.id)


def _check(email: str, days: int) -> None:
    findings = []
    local, at, domain = email.rpartition("@")
    plausible = at and local and "." in domain and email.isprintable() and " " not in email
    if email and (not plausible or len(email) > EMAIL_LIMIT):
        message = f"an address of at most {EMAIL_LIMIT} characters passes, or none for a link"
        findings.append(
            Finding(
                "email-malformed", message, "email", limit=EMAIL_LIMIT, value=email[:EMAIL_LIMIT]
            )
        )
    if not 0 < days <= INVITATION_DAYS_LIMIT:
        findings.append(
            Finding(
                "invitation-lifetime",
                f"an invitation lives 1 to {INVITATION_DAYS_LIMIT} days",
                "expiresInDays",
                limit=INVITATION_DAYS_LIMIT,
                value=days,
                passes=INVITATION_DAYS_LIMIT,
            )
        )
    if findings:
        raise InvalidError.at(*findings)
