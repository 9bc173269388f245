"""Asking for more quota: what, why, for how long, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from funkhaus.domain.quota import NO_COUNTS, Counts

if TYPE_CHECKING:
    from datetime import datetime

    from funkhaus.domain.quota import Quota

PENDING_LIMIT = 20
"""Requests of a tenant that may wait at the same time."""


class RequestState(StrEnum):
    """Where a request stands; only the first two go on to another."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    RETURNED = "returned"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class QuotaRequest:
    """`extra` comes on top of the tenant's quota, and of its `namespace`'s where one is named, for `days` from approval.

    `counts` come on top of what the tenant may have of namespaces and tokens; they are no namespace's. `behind` are
    the people who had issued the requester's tokens when it asked.
    """

    id: str
    tenant: str
    namespace: str
    extra: Quota
    reason: str
    days: int
    requested_by: str
    requested_at: datetime
    state: RequestState = RequestState.PENDING
    decided_by: str = ""
    decided_at: datetime | None = None
    note: str = ""
    expires_at: datetime | None = None
    behind: tuple[str, ...] = ()
    counts: Counts = NO_COUNTS
