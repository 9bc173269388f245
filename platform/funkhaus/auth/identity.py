"""From the text of a credential to the subject it speaks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.domain.errors import UnauthenticatedError
from funkhaus.domain.subject import PlatformRole, Role, Subject
from funkhaus.domain.token import kind_of

if TYPE_CHECKING:
    from funkhaus.domain.token import Token
    from funkhaus.ports import Clock, Stores, TokenMint

MISSING = "no credential came with the request: send `Authorization: Bearer fh_…`"
MALFORMED = "this is not a Funkhaus token: part of it is missing or changed"
UNKNOWN = "this token is not known here"


class Identities:
    """Tokens to subjects. Nothing is cached: a revocation is in force with the next request."""

    def __init__(self, stores: Stores, mint: TokenMint, clock: Clock) -> None:
        self._stores, self._mint, self._clock = stores, mint, clock

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
        if kind_of(text) is None:
            raise UnauthenticatedError(MALFORMED)
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


def subject_of(token: Token) -> Subject:
    """Whom a valid token speaks for: a role in one tenant, or the whole platform."""
    return Subject(
        id=token.subject_id,
        name=token.subject_name,
        token_id=token.id,
        roles={token.tenant: Role(token.role)} if token.tenant else {},
        platform_roles=frozenset() if token.tenant else frozenset({PlatformRole.ADMIN}),
    )
