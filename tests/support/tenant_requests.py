"""`TenantRequests` in a dictionary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.domain.errors import NotFoundError
from funkhaus.domain.tenant_request import TenantRequest, TenantRequestState

from .ages import newest, oldest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.domain.keyset import Moment

    from .stores import State


class MemoryTenantRequests:
    def __init__(self, state: State) -> None:
        self._state, self._requests = state, state.tenant_requests

    async def add(self, request: TenantRequest) -> None:
        if request.user_id not in self._state.people.users:
            raise NotFoundError(f"there is no user {request.user_id!r}")
        self._requests[request.id] = request

    async def locked(self, request_id: str) -> TenantRequest:
        if request_id.lower() not in self._requests:
            raise NotFoundError(f"there is no tenant request {request_id!r:.80}")
        return self._requests[request_id.lower()]

    async def decided(self, request: TenantRequest) -> None:
        self._requests[request.id] = request

    async def of_user(
        self, user_id: str, *, after: Moment | None = None, limit: int = 100
    ) -> Sequence[TenantRequest]:
        own = [item for item in self._requests.values() if item.user_id == user_id]
        return newest(own, lambda item: item.requested_at, after, limit)

    async def pending(
        self, user_id: str = "", *, after: Moment | None = None, limit: int = 100
    ) -> Sequence[TenantRequest]:
        waiting = [
            item
            for item in self._requests.values()
            if item.state is TenantRequestState.PENDING and user_id in {"", item.user_id}
        ]
        return oldest(waiting, lambda item: item.requested_at, after, limit)
