"""The port to requests for tenants: part of `PlatformWork`, for what they ask for is not there yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.domain.keyset import Moment
    from funkhaus.domain.tenant_request import TenantRequest


class TenantRequests(Protocol):
    """Requests of all people."""

    async def add(self, request: TenantRequest) -> None:
        """Insert one of somebody who is known; raises `NotFoundError` for a user there isn't."""

    async def locked(self, request_id: str) -> TenantRequest:
        """One request, for this transaction alone until it ends; raises `NotFoundError`."""

    async def decided(self, request: TenantRequest) -> None:
        """Write down what became of one."""

    async def of_user(
        self, user_id: str, *, after: Moment | None = None, limit: int = 100
    ) -> Sequence[TenantRequest]:
        """A person's, newest first, those older than `after`."""

    async def pending(
        self, user_id: str = "", *, after: Moment | None = None, limit: int = 100
    ) -> Sequence[TenantRequest]:
        """What waits, of all people or of one, oldest first, what is younger than `after`."""
