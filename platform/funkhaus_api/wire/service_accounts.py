"""Service accounts on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from funkhaus_api.wire.reading import Body

if TYPE_CHECKING:
    from funkhaus.domain.service_account import ServiceAccount


class NewServiceAccount(Body):
    """What makes one."""

    name: str
    role: Literal["owner", "developer", "viewer"]


def service_account(item: ServiceAccount) -> dict[str, Any]:
    """One."""
    return {
        "id": item.id,
        "name": item.name,
        "tenant": item.tenant,
        "role": item.role.value,
        "createdAt": item.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
