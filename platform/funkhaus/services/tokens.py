"""API tokens: issued once, listed without their text, revoked at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.permission import Permission
from funkhaus.domain.token import Token, TokenKind
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.domain.subject import Role
    from funkhaus.ports import Clock, Stores, TokenMint
    from funkhaus.services.acts import Acts, Asker

NAME_LIMIT = 100
DAYS_DEFAULT = 90
DAYS_LIMIT = 365
ADMIN_NAME = "bootstrap admin"


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token and its text, which is shown once and kept nowhere."""

    token: Token
    text: str


class TokenService:
    """Use cases on tokens."""

    def __init__(self, stores: Stores, acts: Acts, mint: TokenMint, clock: Clock) -> None:
        self._stores, self._acts, self._mint, self._clock = stores, acts, mint, clock

    async def issue(
        self, asker: Asker, tenant: str, name: str, role: Role, days: int
    ) -> IssuedToken:
        """A token for a new subject called `name` that holds `role` in `tenant` for `days` days.

        Raises `InvalidError` (name, days), `NotFoundError`/`ForbiddenError`.
        """
        async with self._acts.doing(asker, Permission.TOKEN_ISSUE, tenant, name) as act:
            _check(name, days)
            issued = self._new(TokenKind.USER, name, tenant, role.value, days)
            act.detail |= {"token": issued.token.id, "role": role.value, "days": days}
            async with self._stores.begin(tenant) as work:
                await work.tenant()
                await work.add_token(issued.token, self._mint.digest(issued.text))
                await act.done_in(work)
        return issued

    async def list(self, asker: Asker, tenant: str) -> Sequence[Token]:
        """The tenant's tokens, newest first."""
        async with (
            self._acts.reading(asker, Permission.TOKEN_ISSUE, tenant),
            self._stores.begin(tenant) as work,
        ):
            await work.tenant()
            return await work.tokens()

    async def revoke(self, asker: Asker, tenant: str, token_id: str) -> Token:
        """Revoke one; again is harmless. Raises `NotFoundError`."""
        async with (
            self._acts.doing(asker, Permission.TOKEN_REVOKE, tenant, token_id) as act,
            self._stores.begin(tenant) as work,
        ):
            token = await work.revoke_token(token_id, self._clock.now())
            await act.done_in(work)
        return token

    async def admin_token_is_valid(self, text: str) -> bool:
        """Whether `text` is a platform admin's token that opens doors now."""
        async with self._stores.begin_platform() as work:
            token = await work.token_by_digest(self._mint.digest(text))
        return token is not None and not token.tenant and token.is_valid(self._clock.now())

    def new_admin_token(self) -> IssuedToken:
        """A platform admin's token that is not in force yet: `enforce_admin_token` makes it so."""
        return self._new(TokenKind.ADMIN, ADMIN_NAME, "", "", DAYS_LIMIT)

    async def enforce_admin_token(self, issued: IssuedToken) -> None:
        """Store it. For the process's own operator only: nobody's permission is asked."""
        async with self._stores.begin_platform() as work:
            await work.add_platform_token(issued.token, self._mint.digest(issued.text))

    def _new(self, kind: TokenKind, name: str, tenant: str, role: str, days: int) -> IssuedToken:
        text, now = self._mint.mint(kind), self._clock.now()
        token = Token(
            id=str(uuid4()),
            subject_id=str(uuid4()),
            subject_name=name,
            kind=kind,
            tenant=tenant,
            role=role,
            last_four=text[-4:],
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
        return IssuedToken(token, text)


def _check(name: str, days: int) -> None:
    findings = []
    if not 0 < len(name) <= NAME_LIMIT or not name.isprintable():
        message = f"has to be 1 to {NAME_LIMIT} printable characters"
        findings.append(Finding("token-name", message, "name", limit=NAME_LIMIT, value=name[:200]))
    if not 0 < days <= DAYS_LIMIT:
        message = f"a token lives 1 to {DAYS_LIMIT} days"
        finding = Finding(
            "token-lifetime",
            message,
            "expiresInDays",
            limit=DAYS_LIMIT,
            value=days,
            passes=DAYS_LIMIT,
        )
        findings.append(finding)
    if findings:
        raise InvalidError.at(*findings)
