"""Sign-ins: the platform stands between its programs and the identity providers, and hands out sessions of its own.

Towards a provider it is the client (code flow, PKCE); towards the command line and pages it is what a provider is, with
one-time codes bound to a verifier (RFC 7636), and device codes (RFC 8628). What happens once is used up in the transaction
that finds it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from uuid import uuid4

from funkhaus.domain import login as logins
from funkhaus.domain.errors import ForbiddenError, InvalidError, TooManyError, UnauthenticatedError
from funkhaus.domain.login import Login, Stage
from funkhaus.domain.subject import PREFIX
from funkhaus.domain.verdict import Finding
from funkhaus.ports import AuditRow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence

    from funkhaus.domain.user import User
    from funkhaus.ports import Clock, PlatformWork, Provider, Providers, Stores, TokenMint
    from funkhaus.services.sessions import IssuedSession, SessionService

WAITING_LIMIT = 10_000
"""Sign-ins under way at once; beyond it the oldest of the address that most are of is let go."""
HOME_LIMIT = 100
"""Of one address, of IPv6 one /64: as many as people behind one may begin within ten minutes."""
KEPT = timedelta(hours=1)
"""An ended sign-in is kept this long: a code that comes a second time is recognised."""
SESSIONS_KEPT = timedelta(days=30)
"""A session that ended is kept this long: its holder is told that it is over, not that it never was."""
GONE = "this sign-in is over or was never begun: start again with `funkhaus login`"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many sign-ins may wait, of one address and in all. Of those that begin at once a few more may."""

    home: int = HOME_LIMIT
    whole: int = WAITING_LIMIT


@dataclass(frozen=True, slots=True)
class Answered:
    """Where the browser goes next: to the program's `location`, or, for a device, to a page that asks."""

    location: str = ""
    code: str = ""
    user_code: str = ""
    user: User | None = None
    address: str = ""


class LoginService:
    """Use cases of signing in. `public_url` is what we call ourselves towards programs; `redirects` the exact addresses
    of pages that may sign people in, beside programs on loopback.
    """

    def __init__(
        self,
        stores: Stores,
        sessions: SessionService,
        providers: Providers,
        mint: TokenMint,
        clock: Clock,
        *,
        public_url: str,
        redirects: Collection[str] = (),
        bounds: Bounds = Bounds(),
    ) -> None:
        self._stores, self._sessions, self._providers = stores, sessions, providers
        self._mint, self._clock = mint, clock
        self._public_url, self._redirects = public_url.rstrip("/"), frozenset(redirects)
        self._bounds = bounds

    def providers(self) -> Sequence[Provider]:
        """Whom one can sign in with."""
        return self._providers.all()

    def provider(self, name: str) -> str:
        """The id of the provider named, or of the only one; raises `InvalidError` naming those there are."""
        known = [item.id for item in self.providers()]
        if name in known or (not name and len(known) == 1):
            return name or known[0]
        words = f"{', '.join(known)} pass" if known else "none is configured (FUNKHAUS_OIDC)"
        raise InvalidError.at(
            Finding("provider-unknown", words, "provider", value=name[:80], passes=known)
        )

    async def start(
        self,
        *,
        provider: str,
        redirect_uri: str,
        challenge: str,
        state: str,
        address: str,
        home: str,
    ) -> str:
        """Begin one for a program that waits at `redirect_uri`; the URL its browser goes to. Counted by `home`.

        Raises `InvalidError`, `TooManyError`, `UnavailableError`.
        """
        name = self.provider(provider)
        self._check(redirect_uri, challenge, state)
        login = self._new(address, home, issuer=name)
        login = replace(login, redirect_uri=redirect_uri, challenge=challenge, client_state=state)
        return await self._send(login, name, new=True)

    async def _send(self, login: Login, provider: str, *, new: bool) -> str:
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        url = await self._providers.authorization_url(
            provider, state=state, nonce=nonce, verifier=verifier
        )
        login = replace(
            login,
            stage=Stage.SENT,
            issuer=provider,
            state_digest=self._digest("state", state),
            nonce=nonce,
            verifier=verifier,
        )
        async with self._stores.begin_platform() as work:
            if new:
                await self._add(work, login)
            else:
                now = await work.logins.by_user_code(login.user_code or "")
                if now is None or now.stage not in {Stage.ASKED, Stage.SENT}:
                    raise UnauthenticatedError(GONE)  # somebody else was faster
                await work.logins.save(login)
        return url

    async def answered(self, answer: Mapping[str, str]) -> Answered:
        """A browser came back from a provider. Its state is used up before anything else is believed.

        Raises `UnauthenticatedError`, `UnavailableError`.
        """
        digest = self._digest("state", answer.get("state", ""))
        async with self._stores.begin_platform() as work:
            login = await work.logins.by_state(digest)
            if login is None or login.stage is not Stage.SENT or self._is_over(login):
                raise UnauthenticatedError(GONE)
            login = replace(login, stage=Stage.DENIED, state_digest=None)
            await work.logins.save(login)
        identity = await self._providers.identify(
            login.issuer, answer, nonce=login.nonce, verifier=login.verifier
        )
        code, now = secrets.token_urlsafe(32), self._clock.now()
        async with self._stores.begin_platform() as work:
            user = await work.users.signed_in(identity, now)
            life = timedelta(
                seconds=logins.LIFE_SECONDS if login.is_device else logins.CODE_SECONDS
            )
            login = replace(
                login,
                stage=Stage.RETURNED,
                code_digest=self._digest("code", code),
                user_id=user.id,
                groups=identity.groups,
                nonce="",
                verifier="",
                expires_at=min(login.expires_at, now + life) if login.is_device else now + life,
            )
            await work.logins.save(login)
        if login.is_device:
            return Answered(
                code=code, user_code=login.user_code or "", user=user, address=login.address
            )
        query = urlencode({"code": code, "state": login.client_state, "iss": self._public_url})
        joint = "&" if "?" in login.redirect_uri else "?"
        return Answered(location=f"{login.redirect_uri}{joint}{query}")

    async def redeem(
        self, *, code: str, verifier: str, redirect_uri: str, request_id: str = "", client: str = ""
    ) -> IssuedSession:
        """The session for a code, of a program that calls itself `client`. A code that comes twice ends the session it
        gave: one of the two was stolen.

        Raises `UnauthenticatedError`.
        """
        reused = False
        async with self._telling(request_id) as told, self._stores.begin_platform() as work:
            login = await work.logins.by_code(self._digest("code", code))
            if login is not None and login.stage is Stage.REDEEMED and login.session_id:
                await work.sessions.revoke(login.session_id, self._clock.now())
                await work.audit(_refused(login, request_id, "code-used-twice"))
                reused = True
            elif login is not None and self._may_redeem(login, verifier, redirect_uri):
                told.append(login)
                return await self._redeemed(work, login, request_id, client)
            elif login is not None and login.stage is Stage.RETURNED:
                await work.logins.save(replace(login, stage=Stage.DENIED))  # one try per code
                await work.audit(_refused(login, request_id, "code-refused"))
        raise UnauthenticatedError(
            "this code was used before; the session it gave is ended: sign in again"
            if reused
            else GONE
        )

    def _may_redeem(self, login: Login, verifier: str, redirect_uri: str) -> bool:
        given = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        return (
            login.stage is Stage.RETURNED
            and not login.is_device
            and not self._is_over(login)
            and logins.is_verifier(verifier)
            and hmac.compare_digest(given, login.challenge)
            and hmac.compare_digest(redirect_uri.encode(), login.redirect_uri.encode())
        )

    @asynccontextmanager
    async def _telling(self, request_id: str) -> AsyncIterator[list[Login]]:
        """Record that whoever signed in with what is put into the list is kept out, once their transaction is undone."""
        told: list[Login] = []
        try:
            yield told
        except ForbiddenError as error:
            async with self._stores.begin_platform() as work:
                for login in told:
                    await work.audit(_refused(login, request_id, error.code))
            raise

    async def _redeemed(
        self, work: PlatformWork, login: Login, request_id: str, client: str
    ) -> IssuedSession:
        user = await work.users.user(login.user_id)
        issued = await self._sessions.issue(work, user, login.groups, request_id, client)
        await work.logins.save(replace(login, stage=Stage.REDEEMED, session_id=issued.session.id))
        return issued

    def _new(self, address: str, home: str, **more: str) -> Login:
        now = self._clock.now()
        return Login(
            id=str(uuid4()),
            stage=Stage.ASKED,
            address=address,
            home=home,
            created_at=now,
            expires_at=now + timedelta(seconds=logins.LIFE_SECONDS),
            **more,  # type: ignore[arg-type]  # texts only
        )

    async def _add(self, work: PlatformWork, login: Login) -> None:
        now = self._clock.now()
        await work.logins.sweep(now - KEPT)
        if (held := await work.logins.waiting(now, login.home)) >= self._bounds.home:
            limit = self._bounds.home
            message = f"{held} sign-ins from your address are under way and {limit} may be; try again in some minutes"
            finding = Finding("sign-ins-of-address", message, limit=limit, value=held + 1)
            raise TooManyError(message, findings=[finding])
        if await work.logins.waiting(now) >= self._bounds.whole and not await work.logins.let_go(
            now
        ):
            raise TooManyError("too many sign-ins are under way; try again in a minute")
        await work.logins.add(login)

    async def forget(self) -> int:
        """Delete what ended long enough ago, some at a time: sign-ins, sessions, credentials for kubectl; how many.

        Raises `UnavailableError`. The audit log has what they did.
        """
        now = self._clock.now()
        async with self._stores.begin_platform() as work:
            gone = await work.logins.sweep(now - KEPT)
            gone += await work.sessions.forget(now - SESSIONS_KEPT)
            return gone + await work.bearers.forget_kubectl(now - KEPT)

    def _is_over(self, login: Login) -> bool:
        return self._clock.now() >= login.expires_at

    def _digest(self, purpose: str, text: str) -> bytes:
        """Keyed, and apart by purpose: a state is never a code."""
        return self._mint.digest(f"login:{purpose}:{text}")

    def _check(self, redirect_uri: str, challenge: str, state: str) -> None:
        findings = []
        if not logins.redirect_is_allowed(redirect_uri, self._redirects):
            message = "http://127.0.0.1:PORT/callback of a waiting program passes, or a page of FUNKHAUS_LOGIN_REDIRECTS"
            findings.append(
                Finding("redirect-refused", message, "redirectUri", value=redirect_uri[:200])
            )
        if not logins.is_challenge(challenge):
            message = "the S256 challenge of RFC 7636 passes: 43 characters; plain does not"
            findings.append(Finding("challenge-malformed", message, "codeChallenge"))
        if not 0 < len(state) <= logins.TEXT_LIMIT or not state.isprintable():
            message = f"1 to {logins.TEXT_LIMIT} printable characters pass"
            findings.append(Finding("state-malformed", message, "state", limit=logins.TEXT_LIMIT))
        if findings:
            raise InvalidError.at(*findings)


def _refused(login: Login, request_id: str, code: str) -> AuditRow:
    """A sign-in that came as far as somebody, and was refused."""
    return AuditRow(
        tenant="",
        subject=f"{PREFIX}{login.user_id}",
        token_id=login.session_id or "",
        action="session:begin",
        target=login.id,
        outcome="denied",
        request_id=request_id,
        detail={"code": code, "address": login.address},
        issuer=login.issuer,
    )
