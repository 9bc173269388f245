"""Requests for more quota on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from funkhaus.services.quotas import DAYS_LIMIT, REASON_LIMIT, wire_whole
from funkhaus_api.wire.quotas import Limits
from funkhaus_api.wire.reading import Body

if TYPE_CHECKING:
    from funkhaus.domain.quota_request import QuotaRequest


class Extra(Limits):
    """What comes on top; what is not named is nothing."""

    functions: int = 0
    triggers: int = 0
    replicas: int = 0
    cpu: str = "0"
    memory: str = "0"
    hosts: int = 0
    requests_per_second: int = 0
    builds_per_day: int = 0
    namespaces: int = 0
    tokens: int = 0


class NewQuotaRequest(Body):
    """An ask."""

    extra: Extra
    namespace: str = Field(default="", max_length=30)
    reason: str = Field(min_length=1, max_length=REASON_LIMIT)
    days: int = Field(ge=1, le=DAYS_LIMIT)


class Decision(Body):
    """A yes or no."""

    note: str = Field(default="", max_length=REASON_LIMIT)


def request(item: QuotaRequest) -> dict[str, Any]:
    """A request and what became of it."""
    return {
        "id": item.id,
        "tenant": item.tenant,
        "namespace": item.namespace,
        "extra": wire_whole(item.extra, item.counts),
        "reason": item.reason,
        "days": item.days,
        "state": item.state.value,
        "requestedBy": item.requested_by,
        "requestedAt": item.requested_at.isoformat(),
        "decidedBy": item.decided_by,
        "decidedAt": item.decided_at and item.decided_at.isoformat(),
        "note": item.note,
        "expiresAt": item.expires_at and item.expires_at.isoformat(),
    }
