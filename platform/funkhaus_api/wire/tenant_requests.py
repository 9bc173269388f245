"""Requests for tenants on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from funkhaus.services.quotas import REASON_LIMIT
from funkhaus.services.tenants import DISPLAY_NAME_LIMIT
from funkhaus_api.wire.reading import Body

if TYPE_CHECKING:
    from funkhaus.domain.tenant_request import TenantRequest


class NewTenantRequest(Body):
    """An ask."""

    id: str
    plan: str
    display_name: str = Field(default="", max_length=DISPLAY_NAME_LIMIT)
    reason: str = Field(min_length=1, max_length=REASON_LIMIT)


def request(item: TenantRequest) -> dict[str, Any]:
    """A request and what became of it."""
    return {
        "id": item.id,
        "tenant": item.tenant,
        "plan": item.plan,
        "displayName": item.display_name,
        "reason": item.reason,
        "state": item.state.value,
        "requestedBy": item.requested_by,
        "requesterName": item.user_name,
        "requesterEmail": item.user_email,
        "requestedAt": item.requested_at.isoformat(),
        "decidedBy": item.decided_by,
        "decidedAt": item.decided_at and item.decided_at.isoformat(),
        "note": item.note,
    }
