"""`Providers` without a provider: codes are handed out by the test."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

from funkhaus.domain.errors import NotFoundError, UnauthenticatedError
from funkhaus.ports import Provider

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from funkhaus.domain.errors import FunkhausError
    from funkhaus.domain.user import Identity

ISSUER = "https://idp.example"


class MemoryProviders:
    """One provider, ``work``. Set `broken` and it fails."""

    def __init__(self) -> None:
        self.broken: FunkhausError | None = None
        self._asked: dict[str, tuple[str, str]] = {}
        self._people: dict[str, tuple[Identity, str]] = {}

    def all(self) -> Sequence[Provider]:
        return [Provider("work", "Work", ISSUER)]

    async def authorization_url(
        self, provider: str, *, state: str, nonce: str, verifier: str
    ) -> str:
        if self.broken:
            raise self.broken
        if provider != "work":
            raise NotFoundError(f"there is no identity provider {provider!r}")
        self._asked[state] = (nonce, verifier)
        return f"{ISSUER}/auth?{urlencode({'state': state})}"

    def sign_in(self, url: str, identity: Identity) -> dict[str, str]:
        """A person signs in at `url`: the parameters the browser comes back with."""
        state = dict(parse_qsl(urlsplit(url).query))["state"]
        code = f"code-{len(self._people)}"
        self._people[code] = (identity, state)
        return {"code": code, "state": state, "iss": ISSUER}

    async def identify(
        self, provider: str, answer: Mapping[str, str], *, nonce: str, verifier: str
    ) -> Identity:
        assert provider == "work"
        if self.broken:
            raise self.broken
        if answer.get("iss") != ISSUER:
            raise UnauthenticatedError(
                "the answer comes from another identity provider than was asked"
            )
        identity, state = self._people.pop(answer.get("code", ""), (None, ""))
        if identity is None or self._asked.get(state) != (nonce, verifier):
            raise UnauthenticatedError("no such code")
        return identity
