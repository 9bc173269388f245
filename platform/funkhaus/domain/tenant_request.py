"""Asking for a tenant above self-service: which, on what plan, why, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from funkhaus.domain.subject import PREFIX

if TYPE_CHECKING:
    from datetime import datetime

PENDING_LIMIT = 3
"""Requests of one person that may wait at the same time."""


class TenantRequestState(StrEnum):
    """Where a request stands; only the first goes on to another."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class TenantRequest:
    """`user_*` is who asks, and who owns the tenant once it is approved; `decided_by` is a subject."""

    id: str
    tenant: str
    plan: str
    display_name: str
    reason: str
    user_id: str
    user_name: str
    user_email: str
    requested_at: datetime
    state: TenantRequestState = TenantRequestState.PENDING
    decided_by: str = ""
    decided_at: datetime | None = None
    note: str = ""

    @property
    def requested_by(self) -> str:
        """The subject who asks."""
        return f"{PREFIX}{self.user_id}"
