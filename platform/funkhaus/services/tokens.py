"""API tokens: issued once, listed without their text, rotated, revoked at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from funkhaus.domain.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from funkhaus.domain.keyset import Moment, unplaced
from funkhaus.domain.permission import ROLE_PERMISSIONS, Permission
from funkhaus.domain.restriction import Restriction, ranges, too_many
from funkhaus.domain.scope import expanded, widening
from funkhaus.domain.token import GRACE_LIMIT, Token, TokenKind
from funkhaus.domain.verdict import Finding
from funkhaus.ports import AuditRow
from funkhaus.services import states
from funkhaus.services.pages import cut
from funkhaus.services.quotas import check_room, counts_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from funkhaus.domain.subject import Role
    from funkhaus.ports import Clock, Stores, TokenMint
    from funkhaus.services.acts import Act, Acts, Asker

NAME_LIMIT = 100
DAYS_DEFAULT = 90
DAYS_LIMIT = 365
GRACE_SECONDS_LIMIT = int(GRACE_LIMIT.total_seconds())
ADMIN_NAME = "bootstrap admin"
OPERATOR = "platform:operator"
"""Who makes the first admin token, in the audit log: whoever may run the process."""
NO_TOKEN = "you came without a token of your own"  # noqa: S105 - a sentence


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token and its text, which is shown once and kept nowhere."""

    token: Token
    text: str


@dataclass(frozen=True, slots=True)
class TokenOrder:
    """What is asked for. `service_account` names one whose token it becomes, with its role unless `role` says less.

    `scopes` may name groups of permissions.
    """

    name: str
    role: Role | None = None
    days: int = DAYS_DEFAULT
    scopes: Sequence[str] = ()
    namespaces: Sequence[str] = ()
    cidrs: Sequence[str] = ()
    service_account: str = ""


class TokenService:
    """Use cases on tokens."""

    def __init__(self, stores: Stores, acts: Acts, mint: TokenMint, clock: Clock) -> None:
        self._stores, self._acts, self._mint, self._clock = stores, acts, mint, clock

    async def issue(self, asker: Asker, tenant: str, order: TokenOrder) -> IssuedToken:
        """A token for a new subject, or for a service account.

        Raises `InvalidError` naming every field that is wrong, `ForbiddenError` when it would be more than the asker's
        own credential, `PolicyError` when as many are valid as there may be, `NotFoundError`.
        """
        async with self._acts.doing(asker, Permission.TOKEN_ISSUE, tenant, order.name) as act:
            restriction = _checked(order)
            async with self._stores.begin(tenant) as work:
                await work.lock()  # a service account is not deleted meanwhile
                kind, subject_id, role = TokenKind.USER, str(uuid4()), order.role
                if order.service_account:
                    account = await work.service_accounts.get(order.service_account)
                    kind, subject_id, role = (
                        TokenKind.SERVICE, account.id, _bounded(account.role, order.role),
                    )  # fmt: skip
                await work.ledger.lock()  # how many there may be stays so until this one is there
                now = self._clock.now()
                hard = await counts_of(work, now)
                check_room(tenant, "tokens", hard.tokens, await work.tokens.valid(now))
                if role is None:
                    raise InvalidError.at(Finding("field-missing", "is required", "role"))
                known = {namespace.name for namespace in await work.namespaces()}
                _check_namespaces(restriction, known)
                fresh = self._new(kind, order.name, tenant, role.value, order.days)
                token = replace(
                    fresh.token,
                    restriction=restriction,
                    subject_id=subject_id,
                    issued_by=asker.subject.person,
                )
                issued = IssuedToken(token, fresh.text)
                _check_width(asker, issued.token)
                act.detail |= {
                    "token": issued.token.id,
                    "kind": kind.value,
                    "role": role.value,
                    "days": order.days,
                    "serviceAccount": order.service_account,
                    "scopes": list(restriction.scopes),
                    "namespaces": list(restriction.namespaces),
                    "cidrs": list(restriction.cidrs),
                }
                await work.add_token(issued.token, self._mint.digest(issued.text))
                act.changed(None, states.token(issued.token))
                await act.done_in(work)
        return issued

    async def page(
        self, asker: Asker, tenant: str, *, after: str, limit: int
    ) -> tuple[Sequence[Token], str]:
        """The tenant's tokens, newest first, and where the next page begins ("" when there is none)."""
        async with (
            self._acts.reading(asker, Permission.TOKEN_ISSUE, tenant),
            self._stores.begin(tenant) as work,
        ):
            await work.tenant()
            try:
                found = await work.tokens.page(after=after, limit=limit + 1)
            except NotFoundError as error:
                raise unplaced() from error
        return cut(found, limit, lambda item: item.id)

    async def rotate(
        self, asker: Asker, tenant: str, token_id: str, *, grace: int, days: int | None
    ) -> IssuedToken:
        """Another text for a token, which lives `days` from now where given; the one before passes for `grace` seconds.

        Raises `InvalidError`, `ForbiddenError` (the token is more than the asker's own credential), `NotFoundError`.
        """
        async with (
            self._acts.doing(
                asker, Permission.TOKEN_ISSUE, tenant, token_id, action="token:rotate"
            ) as act,
            self._stores.begin(tenant) as work,
        ):
            _check_rotation(grace, days)
            token = await work.tokens.get(token_id)
            _check_alive(token, self._clock)
            text, now = self._mint.mint(token.kind), self._clock.now()
            ends = now + timedelta(days=days) if days else token.expires_at
            act.detail |= {"grace": grace, "days": days}
            rotated = await work.tokens.rotate(
                token_id,
                self._mint.digest(text),
                text[-4:],
                ends,
                now + timedelta(seconds=grace),
                issued_by=asker.subject.person,
            )
            _check_width(asker, rotated)
            act.changed(states.token(token), states.token(rotated))
            await act.done_in(work)
        return IssuedToken(rotated, text)

    async def rotate_own(self, asker: Asker, *, grace: int) -> IssuedToken:
        """Another text for the token the asker came with; it ends when it would have. Raises `InvalidError`."""
        tenant = _own_tenant(asker)
        async with self._acts.recording(asker, tenant, "token:rotate", _own(asker)) as act:
            _check_rotation(grace, None)
            act.detail["grace"] = grace
            now = self._clock.now()
            async with self._stores.begin_platform() as work:
                bearer = await work.bearers.holder(asker.subject.token_id)
                if bearer is None:
                    raise NotFoundError(NO_TOKEN)
                text = self._mint.mint(bearer.token.kind)
                rotated = await work.bearers.rotate(
                    bearer.token.id,
                    self._mint.digest(text),
                    text[-4:],
                    bearer.token.expires_at,
                    now + timedelta(seconds=grace),
                )
                act.changed(states.token(bearer.token), states.token(rotated))
                await work.audit(act.row("done"))
                act.recorded = True
        return IssuedToken(rotated, text)

    async def revoke_own(self, asker: Asker) -> None:
        """End the token the asker came with, at once and for good."""
        async with (
            self._acts.recording(asker, _own_tenant(asker), "token:revoke", _own(asker)) as act,
            self._stores.begin_platform() as work,
        ):
            now = self._clock.now()
            _revoked(act, await work.revoke_platform_token(asker.subject.token_id, now), now)
            await work.audit(act.row("done"))
            act.recorded = True

    async def revoke(self, asker: Asker, tenant: str, token_id: str) -> Token:
        """Revoke one; again is harmless. Raises `NotFoundError`."""
        async with (
            self._acts.doing(
                asker, Permission.TOKEN_REVOKE, tenant, token_id, takes_away=True
            ) as act,
            self._stores.begin(tenant) as work,
        ):
            now = self._clock.now()
            token = await work.revoke_token(token_id, now)
            _revoked(act, token, now)
            await act.done_in(work)
        return token

    async def admin_page(
        self, asker: Asker, *, after: str, limit: int
    ) -> tuple[Sequence[Token], str]:
        """Platform admins' tokens, newest first, and where the next page begins (platform admins)."""
        place = Moment.parse(after)
        async with (
            self._acts.reading(asker, Permission.PLATFORM_GRANT),
            self._stores.begin_platform() as work,
        ):
            found = await work.bearers.of_admins(after=place, limit=limit + 1)
        return cut(found, limit, lambda item: Moment.of(item.created_at, item.id))

    async def revoke_admin(self, asker: Asker, token_id: str) -> Token:
        """Revoke a platform admin's token, whoever's; again is harmless. Raises `NotFoundError`, also for a tenant's."""
        async with (
            self._acts.doing(
                asker,
                Permission.PLATFORM_GRANT,
                None,
                token_id,
                action="token:revoke",
                takes_away=True,
            ) as act,
            self._stores.begin_platform() as work,
        ):
            now = self._clock.now()
            token = await work.bearers.revoke_of_admin(token_id, now)
            _revoked(act, token, now)
            await work.audit(act.row("done"))
            act.recorded = True
        return token

    async def admin_token_is_valid(self, text: str) -> bool:
        """Whether `text` is a platform admin's token that opens doors now."""
        now = self._clock.now()
        bearer = await self._stores.lookups.bearer(self._mint.digest(text), now)
        return bearer is not None and not bearer.token.tenant and bearer.token.is_valid(now)

    def new_admin_token(self) -> IssuedToken:
        """A platform admin's token that is not in force yet: `enforce_admin_token` makes it so."""
        return self._new(TokenKind.ADMIN, ADMIN_NAME, "", "", DAYS_LIMIT)

    async def enforce_admin_token(self, issued: IssuedToken) -> None:
        """Store it. For the process's own operator only: nobody's permission is asked."""
        async with self._stores.begin_platform() as work:
            await work.add_platform_token(issued.token, self._mint.digest(issued.text))
            row = AuditRow("", OPERATOR, "", "token:issue", issued.token.id, "done", "", {})
            await work.audit(row)

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


def _revoked(act: Act, token: Token, now: datetime) -> None:
    """Note a token's end; one that had ended before stays as it is."""
    before = replace(token, revoked_at=None) if token.revoked_at == now else token
    act.changed(states.token(before), states.token(token))


def _own(asker: Asker) -> str:
    if not asker.subject.token_id:
        raise NotFoundError(NO_TOKEN)
    return asker.subject.token_id


def _own_tenant(asker: Asker) -> str:
    """The one tenant of an API token; a platform admin's has none."""
    return next(iter(asker.subject.roles), "")


def _bounded(most: Role, asked: Role | None) -> Role:
    """The role of a service account's token; raises `InvalidError` for one that is more than the account's."""
    if asked is None or ROLE_PERMISSIONS[asked] <= ROLE_PERMISSIONS[most]:
        return asked or most
    message = f"is more than the service account's, which is {most.value}"
    raise InvalidError.at(
        Finding(
            "role-wider", message, "role", limit=most.value, value=asked.value, passes=most.value
        )
    )


def _checked(order: TokenOrder) -> Restriction:
    """What the order restricts the token to; raises `InvalidError` with everything that is wrong."""
    findings = []
    name = order.name
    if not 0 < len(name) <= NAME_LIMIT or not name.isprintable():
        message = f"has to be 1 to {NAME_LIMIT} printable characters"
        findings.append(Finding("token-name", message, "name", limit=NAME_LIMIT, value=name[:200]))
    findings += _lifetime(order.days)
    scopes, wrong_scopes = expanded(order.scopes)
    cidrs, wrong_cidrs = ranges(order.cidrs)
    findings += [*wrong_scopes, *wrong_cidrs, *too_many("namespaces", order.namespaces)]
    if findings:
        raise InvalidError.at(*findings)
    return Restriction(scopes, tuple(sorted(set(order.namespaces))), cidrs)


def _lifetime(days: int) -> list[Finding]:
    if 0 < days <= DAYS_LIMIT:
        return []
    message = f"a token lives 1 to {DAYS_LIMIT} days"
    path = "expiresInDays"
    return [
        Finding("token-lifetime", message, path, limit=DAYS_LIMIT, value=days, passes=DAYS_LIMIT)
    ]


def _check_rotation(grace: int, days: int | None) -> None:
    findings = [] if days is None else _lifetime(days)
    if not 0 <= grace <= GRACE_SECONDS_LIMIT:
        message = f"the text before may pass for 0 to {GRACE_SECONDS_LIMIT} seconds"
        limit = GRACE_SECONDS_LIMIT
        findings.append(
            Finding("token-grace", message, "graceSeconds", limit=limit, value=grace, passes=limit)
        )
    if findings:
        raise InvalidError.at(*findings)


def _check_namespaces(restriction: Restriction, known: set[str]) -> None:
    """A namespace that is not there yet may get an owner later, whom nobody thought of: it has to be there."""
    if missing := sorted(set(restriction.namespaces) - known):
        message = f"there is no namespace {', '.join(missing)}"
        passes = sorted(known)
        raise InvalidError.at(
            Finding("namespace-unknown", message, "namespaces", value=missing, passes=passes)
        )


def _check_width(asker: Asker, token: Token) -> None:
    """Nobody hands on more than they have; raises `ForbiddenError`."""
    findings = widening(
        asker.subject, token.tenant, token.role, token.restriction, token.expires_at
    )
    if findings:
        raise ForbiddenError("; ".join(finding.sentence for finding in findings), findings=findings)


def _check_alive(token: Token, clock: Clock) -> None:
    if not token.is_valid(clock.now()):
        raise ConflictError("this token was revoked or expired: issue another")
