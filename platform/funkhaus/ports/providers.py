"""The port to identity providers (OIDC issuers)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from funkhaus.domain.user import Identity


@dataclass(frozen=True, slots=True)
class Provider:
    """A configured provider: `id` is its name here, `issuer` the URL that names it everywhere."""

    id: str
    title: str
    issuer: str


class Providers(Protocol):
    """Identity providers, all at once."""

    def all(self) -> Sequence[Provider]:
        """Those that are configured, in the operator's order."""

    async def authorization_url(
        self, provider: str, *, state: str, nonce: str, verifier: str
    ) -> str:
        """Where a browser goes to sign in. Raises `NotFoundError` (no such provider), `UnavailableError`."""

    async def identify(
        self, provider: str, answer: Mapping[str, str], *, nonce: str, verifier: str
    ) -> Identity:
        """Who the provider says came back, from the parameters of its answer.

        Raises `UnauthenticatedError` for an answer or an ID token that does not hold, `UnavailableError`.
        """
