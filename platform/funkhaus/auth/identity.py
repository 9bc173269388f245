"""From the text of a credential to the subject it speaks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.domain.errors import UnauthenticatedError
from funkhaus.domain.group_rule import roles_by_rule
from funkhaus.domain.subject import PlatformRole, Role, Subject
from funkhaus.domain.token import TokenKind, kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.domain.group_rule import GroupRule
    from funkhaus.domain.token import Token
    from funkhaus.ports import Clock, Stores, TokenMint

MISSING = "no credential came with the request: send `Authorization: Bearer fh_…`"
MALFORMED = "this is not a Funkhaus token: part of it is missing or changed"
UNKNOWN = "this token is not known here"
ENDED = "this session is over: sign in again with `funkhaus login`"
NOT_A_KEY = "this is the secret of an invitation, which opens no door: sign in, then `funkhaus invitation accept` it"


class Identities:
    """Tokens to subjects. Nothing is cached: a revocation, or a role taken away, is in force with the next request.

    `rules` give roles by a provider's groups, as they were when the user signed in.
    """

    def __init__(
        self, stores: Stores, mint: TokenMint, clock: Clock, rules: Sequence[GroupRule] = ()
    ) -> None:
        self._stores, self._mint, self._clock, self._rules = stores, mint, clock, rules

    async def of_header(self, authorization: str | None) -> Subject:
        """The subject of an ``Authorization`` header; raises `UnauthenticatedError`."""
        scheme, _, text = (authorization or "").partition(" ")
        if not scheme:
            raise UnauthenticatedError(MISSING)
        if scheme.lower() != "bearer":
            raise UnauthenticatedError(
                "only Bearer credentials pass: send `Authorization: Bearer fh_…`"
            )
        return await self.of_token(text.strip())

    async def of_token(self, text: str) -> Subject:
        """The subject of a token's text. A text of the wrong shape or checksum reaches no database."""
        kind = kind_of(text)
        if kind is None:
            raise UnauthenticatedError(MALFORMED)
        if kind is TokenKind.INVITATION:
            raise UnauthenticatedError(NOT_A_KEY)
        if kind is TokenKind.SESSION:
            return await self._of_session(text)
        async with self._stores.begin_platform() as work:
            token = await work.token_by_digest(self._mint.digest(text))
        if token is None:
            raise UnauthenticatedError(UNKNOWN)
        if token.revoked_at is not None:
            raise UnauthenticatedError(
                "this token was revoked; an owner of the tenant can issue another"
            )
        if not token.is_valid(self._clock.now()):
            raise UnauthenticatedError(
                f"this token expired on {token.expires_at:%Y-%m-%d}; an owner of the tenant can issue another"
            )
        return subject_of(token)

    async def _of_session(self, text: str) -> Subject:
        async with self._stores.begin_platform() as work:
            session = await work.users.session_by_digest(self._mint.digest(text))
            if session is None:
                raise UnauthenticatedError(UNKNOWN)
            if not session.is_valid(self._clock.now()):
                raise UnauthenticatedError(ENDED)
            user = session.user
            roles = await work.users.roles(user.id)
            granted = await work.users.platform_roles(user.id)
        by_group, platform = roles_by_rule(self._rules, user.issuer, session.groups)
        return Subject(
            id=user.id,
            name=user.name,
            token_id=session.id,
            roles=by_group | dict(roles),  # what a tenant's owners decided goes before a rule
            platform_roles=granted | platform,
            issuer=user.issuer,
            email=user.email,
        )


def subject_of(token: Token) -> Subject:
    """Whom a valid token speaks for: a role in one tenant, or the whole platform."""
    return Subject(
        id=token.subject_id,
        name=token.subject_name,
        token_id=token.id,
        roles={token.tenant: Role(token.role)} if token.tenant else {},
        platform_roles=frozenset() if token.tenant else frozenset({PlatformRole.ADMIN}),
    )
