"""`funkhaus.ports.Providers` by OpenID Connect: discovery, the authorisation code flow with PKCE, identity."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.client import OAuth2Client
from authlib.oauth2.rfc6749.parameters import prepare_token_request

from funkhaus.auth.oidc.configuration import is_safe_url
from funkhaus.auth.oidc.fetching import Fetcher
from funkhaus.auth.oidc.id_token import Expected, verified
from funkhaus.auth.oidc.keys import KeyCache
from funkhaus.domain.errors import NotFoundError, UnauthenticatedError, UnavailableError
from funkhaus.domain.user import EMAIL_LIMIT, GROUP_LIMIT, NAME_LIMIT, Identity
from funkhaus.ports import Provider

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from funkhaus.auth.oidc.configuration import ProviderSettings
    from funkhaus.ports import Clock

METADATA_AGE = timedelta(hours=1)
AGAIN = timedelta(seconds=10)
"""Before a provider whose metadata could not be had is asked again."""
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_OK = 200
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class OidcProviders:
    """All configured providers; `redirect_uri` is the one address they send browsers back to."""

    def __init__(
        self, settings: Sequence[ProviderSettings], redirect_uri: str, clock: Clock
    ) -> None:
        self._fetcher = Fetcher()
        self._each = {
            item.id: _Relation(item, redirect_uri, self._fetcher, clock) for item in settings
        }

    async def close(self) -> None:
        """Give the connections back."""
        await self._fetcher.close()

    def all(self) -> Sequence[Provider]:
        """Those that are configured, in the operator's order."""
        return [
            Provider(one.settings.id, one.settings.title, one.settings.issuer)
            for one in self._each.values()
        ]

    async def authorization_url(
        self, provider: str, *, state: str, nonce: str, verifier: str
    ) -> str:
        """Where a browser goes to sign in; raises `NotFoundError`, `UnavailableError`."""
        return await self._relation(provider).authorization_url(state, nonce, verifier)

    async def identify(
        self, provider: str, answer: Mapping[str, str], *, nonce: str, verifier: str
    ) -> Identity:
        """Who the provider says came back; raises `UnauthenticatedError`, `UnavailableError`."""
        return await self._relation(provider).identify(answer, nonce, verifier)

    def _relation(self, provider: str) -> _Relation:
        if provider not in self._each:
            known = ", ".join(self._each) or "none is configured (FUNKHAUS_OIDC)"
            raise NotFoundError(
                f"there is no identity provider {provider[:40]!r}; there are: {known}"
            )
        return self._each[provider]


class _Relation:
    """The platform as a client of one provider."""

    def __init__(
        self, settings: ProviderSettings, redirect_uri: str, fetcher: Fetcher, clock: Clock
    ) -> None:
        self.settings, self._redirect_uri = settings, redirect_uri
        self._fetcher, self._clock = fetcher, clock
        self._keys = KeyCache(self._fetch_keys, clock)
        self._metadata: dict[str, Any] | None = None
        self._until: datetime | None = None
        self._one = asyncio.Lock()

    async def _fetch_keys(self) -> tuple[dict[str, Any], int]:
        return await self._fetcher.get((await self.metadata())["jwks_uri"])

    async def metadata(self) -> dict[str, Any]:
        """The provider's discovery document, kept an hour; an old one is served while the provider fails."""
        async with self._one:
            now = self._clock.now()
            if self._metadata is None or self._until is None or now >= self._until:
                try:
                    self._metadata = await self._discover()
                    self._until = now + METADATA_AGE
                except UnavailableError:
                    if self._metadata is None:
                        raise
                    self._until = now + AGAIN
            return self._metadata

    async def _discover(self) -> dict[str, Any]:
        issuer = self.settings.issuer
        url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        document, _ = await self._fetcher.get(url)
        if document.get("issuer") != issuer:
            raise UnavailableError(f"{url} speaks for another issuer than {issuer!r}")
        for name in _ENDPOINTS:
            if not isinstance(document.get(name), str) or not is_safe_url(document[name]):
                raise UnavailableError(f"{url} names no {name} of use")
        return document

    async def authorization_url(self, state: str, nonce: str, verifier: str) -> str:
        metadata = await self.metadata()
        client = OAuth2Client(
            None,
            client_id=self.settings.client_id,
            redirect_uri=self._redirect_uri,
            scope=" ".join(self.settings.scopes),
            code_challenge_method="S256",
        )
        url, _ = client.create_authorization_url(
            metadata["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
        )
        return str(url)

    async def identify(self, answer: Mapping[str, str], nonce: str, verifier: str) -> Identity:
        metadata = await self.metadata()
        self._check_issuer(answer.get("iss"), metadata)
        if error := answer.get("error"):
            raise UnauthenticatedError(
                f"{self.settings.title} did not sign you in: {_plain(answer.get('error_description') or error)}"
            )
        if not answer.get("code"):
            raise UnauthenticatedError("the identity provider's answer holds no code")
        tokens = await self._exchange(metadata["token_endpoint"], answer["code"], verifier)
        access = tokens.get("access_token")
        access = access if isinstance(access, str) else ""
        claims = await verified(
            tokens.get("id_token"),
            self.settings,
            self._keys,
            Expected(nonce, access),
            self._clock.now(),
        )
        if self.settings.userinfo and access:
            claims = await self._with_userinfo(claims, metadata, access)
        return self._identity(claims)

    def _check_issuer(self, said: str | None, metadata: dict[str, Any]) -> None:
        """RFC 9207: the answer comes from the provider that was asked, not from another one."""
        promised = metadata.get("authorization_response_iss_parameter_supported") is True
        if said != self.settings.issuer and (said is not None or promised):
            raise UnauthenticatedError(
                "the answer comes from another identity provider than was asked"
            )

    async def _exchange(self, endpoint: str, code: str, verifier: str) -> dict[str, Any]:
        body = prepare_token_request(
            "authorization_code", redirect_uri=self._redirect_uri, code=code, code_verifier=verifier
        )
        client, secret = self.settings.client_id, self.settings.client_secret
        if secret:
            # RFC 6749, 2.3.1: form-encoded before they are joined, which Authlib leaves to its caller.
            auth = ClientAuth(quote(client, safe=""), quote(secret, safe=""), "client_secret_basic")
        else:
            auth = ClientAuth(client, "", "none")
        url, headers, body = auth.prepare("POST", endpoint, dict(_FORM), body)
        status, tokens = await self._fetcher.post(url, body, headers)
        if status != _OK:
            said = _plain(str(tokens.get("error_description") or tokens.get("error") or status))
            raise UnauthenticatedError(f"{self.settings.title} did not take the code: {said}")
        return tokens

    async def _with_userinfo(
        self, claims: dict[str, Any], metadata: dict[str, Any], access: str
    ) -> dict[str, Any]:
        endpoint = metadata.get("userinfo_endpoint")
        if not isinstance(endpoint, str) or not is_safe_url(endpoint):
            raise UnavailableError("the identity provider names no userinfo_endpoint of use")
        more, _ = await self._fetcher.get(endpoint, {"Authorization": f"Bearer {access}"})
        if more.get("sub") != claims["sub"]:
            raise UnauthenticatedError("the identity provider speaks of two people at once")
        return more | claims

    def _identity(self, claims: dict[str, Any]) -> Identity:
        email = claims.get("email")
        trusted = (
            self.settings.trust_emails
            and claims.get("email_verified") is True
            and isinstance(email, str)
            and len(email) <= EMAIL_LIMIT
            and email.isprintable()
        )
        name = claims.get("name") or claims.get("preferred_username") or ""
        groups = claims.get(self.settings.group_claim) or []
        groups = [groups] if isinstance(groups, str) else groups
        return Identity(
            issuer=self.settings.issuer,
            sub=claims["sub"],
            email=str(email).casefold() if trusted else "",
            display_name=_plain(name)[:NAME_LIMIT] if isinstance(name, str) else "",
            groups=tuple(_wanted(groups, self.settings)),
        )


def _wanted(groups: object, settings: ProviderSettings) -> list[str]:
    """The groups a sign-in keeps: those a rule names first, then others up to the limit."""
    texts = [item for item in groups if isinstance(item, str)] if isinstance(groups, list) else []
    named = {rule.group for rule in settings.rules}
    return sorted(set(texts), key=lambda item: (item not in named, item))[:GROUP_LIMIT]


def _plain(text: str) -> str:
    """A provider's words as one line of bounded length."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:NAME_LIMIT])
