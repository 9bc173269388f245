"""The port to requests for more quota."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from funkhaus.domain.quota_request import QuotaRequest, RequestState


class QuotaRequests(Protocol):
    """A tenant's requests."""

    async def put(self, request: QuotaRequest) -> None:
        """Insert, or write down what became of it."""

    async def find(self, request_id: str) -> QuotaRequest:
        """One request; raises `NotFoundError`."""

    async def all(
        self, state: RequestState | None = None, *, limit: int = 500
    ) -> Sequence[QuotaRequest]:
        """The tenant's, newest first; in one state where one is named."""


class PlatformQuotaRequests(Protocol):
    """All tenants' requests."""

    async def pending(self, *, limit: int = 500) -> Sequence[QuotaRequest]:
        """What waits for a decision, oldest first."""

    async def expired(self, now: datetime, *, limit: int = 50) -> Sequence[QuotaRequest]:
        """Approved ones whose time is up."""
