"""The port to credentials of all tenants: what a request is identified by, before its tenant is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from funkhaus.domain.keyset import Moment
    from funkhaus.domain.token import KubectlCredential, Token


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token, and whether its tenant is suspended."""

    token: Token
    suspended: bool = False


class Bearers(Protocol):
    """Credentials, to be read and changed. Whose text a request came with is in `Lookups`."""

    async def holder(self, token_id: str) -> Bearer | None:
        """The token with this id, valid or not; none of a tenant that is gone."""

    async def suspended(self, tenants: Collection[str]) -> frozenset[str]:
        """Which of these tenants are suspended."""

    async def gone(self, tenants: Collection[str]) -> frozenset[str]:
        """Which of these tenants were deleted for good."""

    async def touch(self, uses: Mapping[str, datetime]) -> None:
        """Note when tokens, by id, were last used; what is noted already and later stays."""

    async def rotate(
        self,
        token_id: str,
        digest: bytes,
        last_four: str,
        expires_at: datetime,
        old_until: datetime,
    ) -> Token:
        """As `Tokens.rotate`, for any token."""

    async def of_admins(self, *, after: Moment | None = None, limit: int = 100) -> Sequence[Token]:
        """Platform admins' tokens, newest first, ended ones too, those older than `after`."""

    async def revoke_of_admin(self, token_id: str, now: datetime) -> Token:
        """Revoke a platform admin's; already revoked stays as it was; raises `NotFoundError`, also for a tenant's."""

    async def add_kubectl(
        self, credential: KubectlCredential, digest: bytes, now: datetime
    ) -> None:
        """Insert a credential for kubectl, and drop those of the same parent that ended.

        Raises `TooManyError` when the parent has `KUBECTL_LIMIT` already.
        """

    async def forget_kubectl(self, before: datetime, *, limit: int = 200) -> int:
        """Delete credentials for kubectl that ended before, some at a time; how many that were."""

    async def find_kubectl(self, digest: bytes) -> KubectlCredential | None:
        """The credential with this digest, valid or not."""
