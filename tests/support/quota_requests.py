"""`QuotaRequests` in a dictionary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.domain.errors import NotFoundError
from funkhaus.domain.quota_request import QuotaRequest, RequestState

from .ages import newest, oldest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from funkhaus.domain.keyset import Moment


class MemoryQuotaRequests:
    def __init__(self, requests: dict[str, QuotaRequest], tenant: str) -> None:
        self._requests, self._tenant = requests, tenant

    async def put(self, request: QuotaRequest) -> None:
        if request.tenant != self._tenant:
            raise ValueError(f"a row of tenant {request.tenant!r} in one of {self._tenant!r}")
        self._requests[request.id] = request

    async def find(self, request_id: str) -> QuotaRequest:
        found = self._requests.get(request_id)
        if found is None or found.tenant != self._tenant:
            raise NotFoundError(f"there is no quota request {request_id!r:.80}")
        return found

    async def page(
        self, state: RequestState | None = None, *, after: Moment | None = None, limit: int = 100
    ) -> Sequence[QuotaRequest]:
        own = [
            item
            for item in self._requests.values()
            if item.tenant == self._tenant and state in {None, item.state}
        ]
        return newest(own, lambda item: item.requested_at, after, limit)


class MemoryPlatformQuotaRequests:
    def __init__(self, requests: dict[str, QuotaRequest]) -> None:
        self._requests = requests

    async def pending(
        self, *, after: Moment | None = None, limit: int = 100
    ) -> Sequence[QuotaRequest]:
        found = [item for item in self._requests.values() if item.state is RequestState.PENDING]
        return oldest(found, lambda item: item.requested_at, after, limit)

    async def expired(
        self, now: datetime, *, after: str = "", limit: int = 50
    ) -> Sequence[QuotaRequest]:
        found = [
            item
            for item in self._requests.values()
            if item.state is RequestState.APPROVED and item.expires_at and item.expires_at <= now
            if item.id > after
        ]
        return sorted(found, key=lambda item: item.id)[:limit]
