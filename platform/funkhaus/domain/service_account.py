"""Service accounts: who a tenant's machines are. The platform's own, not Kubernetes'."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from funkhaus.domain.subject import Role

ACCOUNTS_LIMIT = 100
"""Of one tenant."""


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """`id` is the subject its tokens speak for; `name` a DNS label within the tenant; `role` bounds its tokens."""

    id: str
    tenant: str
    name: str
    role: Role
    created_at: datetime
