"""The port to requests for more quota."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from funkhaus.domain.keyset import Moment
    from funkhaus.domain.quota_request import QuotaRequest, RequestState


class QuotaRequests(Protocol):
    """A tenant's requests."""

    async def put(self, request: QuotaRequest) -> None:
        """Insert, or write down what became of it."""

    async def find(self, request_id: str) -> QuotaRequest:
        """One request; raises `NotFoundError`."""

    async def page(
        self, state: RequestState | None = None, *, after: Moment | None = None, limit: int = 100
    ) -> Sequence[QuotaRequest]:
        """The tenant's, newest first, those older than `after`; in one state where one is named."""


class PlatformQuotaRequests(Protocol):
    """All tenants' requests."""

    async def pending(
        self, *, after: Moment | None = None, limit: int = 100
    ) -> Sequence[QuotaRequest]:
        """What waits for a decision, oldest first, what is younger than `after`."""

    async def expired(
        self, now: datetime, *, after: str = "", limit: int = 50
    ) -> Sequence[QuotaRequest]:
        """Approved ones whose time is up, by id, those after `after`."""
