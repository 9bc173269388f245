"""The port to what is asked with every request, before its tenant is known: one question, one answer, nothing written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from funkhaus.domain.subject import PlatformRole, Role
    from funkhaus.domain.tenant import TenantFacts
    from funkhaus.domain.user import Session
    from funkhaus.ports.bearers import Bearer


@dataclass(frozen=True, slots=True)
class Standing:
    """A session, and what its user may: `roles` by tenant, of those that are there."""

    session: Session
    roles: Mapping[str, Role]
    platform_roles: frozenset[PlatformRole]
    suspended: frozenset[str]
    """Of the tenants in `roles`, and of those that were asked about."""
    gone: frozenset[str] = frozenset()
    """Of those that were asked about: ended, and never back."""


class Lookups(Protocol):
    """Look-ups over all tenants. Each sees what was committed before it was asked; all raise `UnavailableError` and
    `TimedOutError` as transactions do.
    """

    async def bearer(self, digest: bytes, now: datetime) -> Bearer | None:
        """Whose text this is, also the one before a rotation while it passes at `now`; valid or not.

        Nobody's of a tenant that is gone.
        """

    async def standing(self, digest: bytes, tenants: Collection[str] = ()) -> Standing | None:
        """The session with this keyed digest, valid or not; `tenants` are others to tell the state of."""

    async def holders(self, tokens: Collection[str]) -> Mapping[str, Bearer]:
        """The tokens with these ids, valid or not, by id; none of a tenant that is gone."""

    async def sessions(
        self, sessions: Collection[str], tenants: Collection[str] = ()
    ) -> Mapping[str, Standing]:
        """The sessions with these ids, valid or not, by id, as `standing` tells of one."""

    async def namespaces(self, tenants: Collection[str]) -> Mapping[str, Sequence[str]]:
        """The short names of these tenants' namespaces, by tenant; none of a tenant without."""

    async def facts(self, cluster_namespace: str) -> TenantFacts | None:
        """Whose Kubernetes namespace this is, and what a review needs to know of them."""
