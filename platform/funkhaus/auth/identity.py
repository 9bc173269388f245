"""From the text of a credential to the subject it speaks for."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from funkhaus.domain.errors import UnauthenticatedError
from funkhaus.domain.group_rule import roles_by_rule
from funkhaus.domain.scope import kubectl_gap
from funkhaus.domain.subject import PlatformRole, Role, Subject
from funkhaus.domain.token import RefusedUse, TokenKind, kind_of
from funkhaus.ports import Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from funkhaus.domain.group_rule import GroupRule
    from funkhaus.domain.token import Token
    from funkhaus.domain.user import Session
    from funkhaus.ports import Clock, PlatformWork, Stores, TokenMint
    from funkhaus.ports.bearers import Bearer

MISSING = "no credential came with the request: send `Authorization: Bearer fh_…`"
MALFORMED = "this is not a Funkhaus token: part of it is missing or changed"
UNKNOWN = "this token is not known here"
ENDED = "this session is over: sign in again with `funkhaus login`"
NOT_A_KEY = "this is the secret of an invitation, which opens no door: sign in, then take it at /v1/me/invitations/accept"
ELSEWHERE = "this token does not work from this address"
FOR_KUBECTL = "this credential is for kube-apiserver only"


class Identities:
    """Tokens to subjects. Nothing is cached: a revocation, or a role taken away, is in force with the next request.

    `noted` hears of every token that opened something, `met` of every session, `refused` of every known token that did
    not. `rules` give roles by a provider's groups, as they were when the user signed in.
    """

    def __init__(
        self,
        stores: Stores,
        mint: TokenMint,
        clock: Clock,
        noted: Callable[[Token], None],
        rules: Sequence[GroupRule] = (),
        refused: Callable[[RefusedUse], None] = lambda _: None,
        met: Callable[[Session], None] = lambda _: None,
    ) -> None:
        self._stores, self._mint, self._clock = stores, mint, clock
        self._noted, self._rules, self._refused, self._met = noted, rules, refused, met

    async def of_header(
        self, authorization: str | None, address: str, request_id: str = ""
    ) -> Subject:
        """The subject of an ``Authorization`` header from a caller at `address`; raises `UnauthenticatedError`."""
        scheme, _, text = (authorization or "").partition(" ")
        if not scheme:
            raise UnauthenticatedError(MISSING)
        if scheme.lower() != "bearer":
            raise UnauthenticatedError(
                "only Bearer credentials pass: send `Authorization: Bearer fh_…`"
            )
        return await self.of_token(text.strip(), address, request_id)

    async def of_token(self, text: str, address: str, request_id: str = "") -> Subject:
        """The subject of a token's text. A text of the wrong shape or checksum reaches no database."""
        if (kind := kind_of(text)) is None:
            raise UnauthenticatedError(MALFORMED)
        if kind is TokenKind.KUBECTL:
            raise UnauthenticatedError(FOR_KUBECTL)
        if kind is TokenKind.INVITATION:
            raise UnauthenticatedError(NOT_A_KEY)
        return await self._of_text(kind, text, address, request_id)

    async def for_kubectl(self, text: str, request_id: str = "") -> Subject:
        """The subject kube-apiserver may take a text for; raises `UnauthenticatedError`.

        That is a credential that was exchanged for kubectl, while its parent is valid, or a token itself; neither when
        the token is restricted below its role, which RBAC could not hold it to.
        """
        if (kind := kind_of(text)) is None:
            raise UnauthenticatedError(MALFORMED)
        if kind is TokenKind.INVITATION:
            raise UnauthenticatedError(NOT_A_KEY)
        if kind is TokenKind.KUBECTL:
            async with self._stores.begin_platform() as work:
                subject = await self._of_exchanged(work, text, request_id)
        else:
            subject = await self._of_text(kind, text, request_id=request_id)
        if gap := kubectl_gap(subject):
            raise UnauthenticatedError(f"this token does not open kubectl: {gap}")
        return subject

    async def speakers(
        self, tokens: Collection[str], sessions: Collection[str]
    ) -> dict[str, Subject]:
        """Whom these credentials speak for in kubectl now, by the credential's id; what is no more opens nothing."""
        lookups, ruled = self._stores.lookups, {rule.tenant for rule in self._rules if rule.tenant}
        found: dict[str, Subject] = {}
        held = await lookups.holders(tokens) if tokens else {}
        standings = await lookups.sessions(sessions, ruled) if sessions else {}
        for key, bearer in held.items():
            with suppress(UnauthenticatedError):
                found[key] = self._of_bearer(bearer)
        for key, standing in standings.items():
            with suppress(UnauthenticatedError):
                found[key] = self._of_session(standing)
        return {key: subject for key, subject in found.items() if not kubectl_gap(subject)}

    async def _of_text(
        self, kind: TokenKind, text: str, address: str | None = None, request_id: str = ""
    ) -> Subject:
        digest = self._mint.digest(text)
        if kind is TokenKind.SESSION:
            ruled = {rule.tenant for rule in self._rules if rule.tenant}
            return self._met_session(await self._stores.lookups.standing(digest, ruled))
        found = await self._stores.lookups.bearer(digest, self._clock.now())
        return self._subject(found, address, request_id)

    async def _of_exchanged(self, work: PlatformWork, text: str, request_id: str) -> Subject:
        credential = await work.bearers.find_kubectl(self._mint.digest(text))
        if credential is None or credential.expires_at <= self._clock.now():
            raise UnauthenticatedError("this kubectl credential is not known here, or it ended")
        if credential.parent_kind is TokenKind.SESSION:
            session = await work.sessions.get(credential.parent_id)
            return self._met_session(await self._standing(work, session) if session else None)
        return self._subject(await work.bearers.holder(credential.parent_id), None, request_id)

    async def _standing(self, work: PlatformWork, session: Session) -> Standing:
        roles = await work.users.roles(session.user.id)
        ruled = {rule.tenant for rule in self._rules if rule.tenant}
        return Standing(
            session,
            roles,
            await work.users.platform_roles(session.user.id),
            await work.bearers.suspended({*roles, *ruled}),
            await work.bearers.gone(ruled),
        )

    def _met_session(self, standing: Standing | None) -> Subject:
        """Whom a session speaks for that was used."""
        subject = self._of_session(standing)
        if standing:
            self._met(standing.session)
        return subject

    def _of_session(self, standing: Standing | None) -> Subject:
        if standing is None:
            raise UnauthenticatedError(UNKNOWN)
        session, user = standing.session, standing.session.user
        if user.objection:  # disabling ended it too, and this says why
            raise UnauthenticatedError(user.objection)
        if not session.is_valid(self._clock.now()):
            raise UnauthenticatedError(ENDED)
        by_group, platform = roles_by_rule(self._rules, user.issuer, session.groups)
        # A rule outlives a tenant; and what a tenant's owners decided goes before a rule.
        ruled = {name: role for name, role in by_group.items() if name not in standing.gone}
        roles = ruled | dict(standing.roles)
        return Subject(
            id=user.id,
            name=user.name,
            token_id=session.id,
            roles=roles,
            platform_roles=standing.platform_roles | platform,
            issuer=user.issuer,
            sub=user.sub,
            email=user.email,
            ends_at=session.expires_at,
            suspended=standing.suspended & roles.keys(),
        )

    def _subject(
        self, bearer: Bearer | None, address: str | None = None, request_id: str = ""
    ) -> Subject:
        """Whom a token speaks for that was used."""
        try:
            subject = self._of_bearer(bearer, address)
        except UnauthenticatedError as error:
            if bearer:
                use = RefusedUse(bearer.token, error.message, address or "", request_id)
                self._refused(use)
            raise
        if bearer:
            self._noted(bearer.token)
        return subject

    def _of_bearer(self, bearer: Bearer | None, address: str | None = None) -> Subject:
        """Whom a token speaks for; `address` is where its holder asks from, `None` where kube-apiserver asks for them."""
        if bearer is None:
            raise UnauthenticatedError(UNKNOWN)
        token = bearer.token
        if token.revoked_at is not None:
            raise UnauthenticatedError(
                "this token was revoked; an owner of the tenant can issue another"
            )
        if not token.is_valid(self._clock.now()):
            raise UnauthenticatedError(
                f"this token expired on {token.expires_at:%Y-%m-%d}; an owner of the tenant can issue another"
            )
        if address is not None and not token.restriction.admits(address):
            raise UnauthenticatedError(ELSEWHERE)
        return subject_of(bearer)


def subject_of(bearer: Bearer) -> Subject:
    """Whom a valid token speaks for: a role in one tenant, or the whole platform."""
    token = bearer.token
    return Subject(
        id=token.subject_id,
        name=token.subject_name,
        token_id=token.id,
        roles={token.tenant: Role(token.role)} if token.tenant else {},
        platform_roles=frozenset() if token.tenant else frozenset({PlatformRole.ADMIN}),
        restriction=token.restriction,
        ends_at=token.expires_at,
        suspended=frozenset({token.tenant}) if bearer.suspended else frozenset(),
        behind=token.issued_by,
    )
