"""Tenants and their namespaces on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from funkhaus.domain.quantity import cpu_text, memory_text
from funkhaus.services.quotas import REASON_LIMIT
from funkhaus.services.tenants import DISPLAY_NAME_LIMIT
from funkhaus_api.wire.reading import Body

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from funkhaus.domain.tenant import Namespace, Tenant

DEFAULT_PLAN = "small"


class NewTenant(Body):
    """What creates a tenant."""

    id: str
    plan: str = DEFAULT_PLAN
    display_name: str = Field(default="", max_length=DISPLAY_NAME_LIMIT)


class NewPlan(Body):
    """What gives a tenant another plan."""

    plan: str
    reason: str = Field(min_length=1, max_length=REASON_LIMIT)


class NewNamespace(Body):
    """What creates a namespace."""

    name: str


def tenant(item: Tenant) -> dict[str, Any]:
    """A tenant."""
    suspension, deletion = item.suspension, item.deletion
    return {
        "id": item.id,
        "plan": item.plan,
        "displayName": item.display_name,
        "state": item.standing,
        "suspension": suspension
        and {"since": _time(suspension.at), "reason": suspension.reason, "by": suspension.by},
        "deletion": deletion
        and {
            "after": _time(deletion.after),
            "askedAt": _time(deletion.asked_at),
            "askedBy": deletion.asked_by,
            "reason": deletion.reason,
            "byPlatform": deletion.by_platform,
        },
    }


def host_suffixes(own: str, granted: Sequence[str]) -> dict[str, Any]:
    """Where a tenant's hosts may lie."""
    return {"default": own, "granted": list(granted)}


def _time(value: datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")


def namespace(item: Namespace, *, ready: bool | None = None) -> dict[str, Any]:
    """A namespace; `ready` is null where the cluster was not asked or could not say."""
    quota = item.quota
    return {
        "name": item.name,
        "tenant": item.tenant,
        "clusterName": item.cluster_name,
        "ready": ready,
        "quota": {
            "functions": quota.functions,
            "triggers": quota.triggers,
            "replicas": quota.replicas,
            "cpu": cpu_text(quota.cpu_millis),
            "memory": memory_text(quota.memory_bytes),
        },
    }
