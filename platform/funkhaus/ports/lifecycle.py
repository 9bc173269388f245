"""The port to a tenant's standing, inside one of its transactions."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from funkhaus.domain.tenant import Deletion, Suspension


class Belonging(StrEnum):
    """What a tenant has beside its namespaces, tokens and audit rows. Charges go before quotas."""

    INVITATIONS = "invitations"
    MEMBERS = "members"
    SERVICE_ACCOUNTS = "service accounts"
    APPROVALS = "approvals"
    APPROVAL_CHECKS = "approval checks"
    NOTIFICATIONS = "notifications"
    QUOTA_REQUESTS = "quota requests"
    OVERRIDE = "quota override"
    HOST_SUFFIXES = "host suffixes"
    DECISIONS = "decisions"
    BUILDS = "builds"
    CHARGES = "charges"
    QUOTAS = "quotas"
    TENANT_QUOTA = "tenant quota"


class Lifecycle(Protocol):
    """Whether the transaction's tenant works, rests or goes. The tenant is locked."""

    async def suspend(self, suspension: Suspension | None) -> None:
        """Have it rest, or work again."""

    async def doom(self, deletion: Deletion | None) -> None:
        """Have it go at the deletion's time, or stay."""

    async def revoke_tokens(self, now: datetime, *, limit: int) -> int:
        """Revoke some that are not revoked yet; how many."""

    async def forget(self, what: Belonging, *, limit: int) -> int:
        """Delete some rows; how many."""

    async def outstanding(self) -> bool:
        """Whether the outbox holds anything of the tenant's."""

    async def bury(self, now: datetime) -> None:
        """Leave nothing but the id, which is never given out again: from now on there is no such tenant."""
