"""Quotas on the wire: CPU and memory as Kubernetes quantities, everything else as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.quantity import bytes_of, millicores
from funkhaus.domain.quota import AMOUNTS, Amounts, Counts, Quota, shown
from funkhaus.domain.verdict import Finding
from funkhaus.services.quotas import (
    DAYS_LIMIT,
    REASON_LIMIT,
    WIRE,
    Terms,
    no_namespace_s,
    wire,
    wire_whole,
)
from funkhaus_api.wire.reading import Body

if TYPE_CHECKING:
    from funkhaus.domain.charge import Charge
    from funkhaus.domain.quota import Account
    from funkhaus.domain.quota_request import QuotaRequest
    from funkhaus.services.quotas import QuotaState


class Limits(Body):
    """A whole quota."""

    functions: int
    triggers: int
    replicas: int
    cpu: str
    memory: str
    hosts: int
    requests_per_second: int
    builds_per_day: int

    def quota(self) -> Quota:
        """As the domain has it; raises `InvalidError` for a text that is no quantity."""
        cpu, memory = millicores(self.cpu), bytes_of(self.memory)
        wrong = [
            Finding("quantity-malformed", "is not a Kubernetes quantity; 500m, 2, 1Gi pass", path)
            for path, value in (("cpu", cpu), ("memory", memory))
            if value is None
        ]
        if cpu is None or memory is None:
            raise InvalidError.at(*wrong)
        return Quota(
            self.functions, self.triggers, self.replicas, cpu, memory, self.hosts,
            self.requests_per_second, self.builds_per_day,
        )  # fmt: skip


class Share(Limits):
    """A namespace's; what is counted over the tenant is read to say so."""

    namespaces: int = 0
    tokens: int = 0

    def quota(self) -> Quota:
        """As the domain has it; raises `InvalidError`."""
        if found := no_namespace_s(Counts(self.namespaces, self.tokens)):
            raise InvalidError.at(*found)
        return super().quota()


class NewOverride(Limits):
    """A quota in place of the plan's, for a while; a count that is not named stays the plan's."""

    namespaces: int | None = None
    tokens: int | None = None
    reason: str = Field(min_length=1, max_length=REASON_LIMIT)
    days: int = Field(ge=1, le=DAYS_LIMIT)

    def terms(self) -> Terms:
        """As the use case takes it; raises `InvalidError` for a text that is no quantity."""
        return Terms(self.quota(), self.reason, self.days, self.namespaces, self.tokens)


def amounts(item: Amounts) -> dict[str, Any]:
    """What is held."""
    return {WIRE[name]: shown(name, getattr(item, name)) for name in AMOUNTS}


def account(item: Account) -> dict[str, Any]:
    """One level."""
    return {
        "hard": wire(item.hard),
        "used": amounts(item.used),
        "reserved": amounts(item.reserved),
        "left": amounts(item.left),
    }


def namespace_account(item: Account) -> dict[str, Any]:
    """A namespace's."""
    return {"name": item.namespace, **account(item)}


def tenant_account(item: QuotaState) -> dict[str, Any]:
    """The tenant's own, with what is counted."""
    return {
        **account(item.tenant),
        "hard": wire_whole(item.tenant.hard, item.counts),
        "counts": {
            "namespaces": _count(item.counts.namespaces, len(item.namespaces)),
            "tokens": _count(item.counts.tokens, item.tokens),
        },
    }


def state(item: QuotaState) -> dict[str, Any]:
    """Everything of a tenant."""
    override = item.override
    return {
        "tenant": item.tenant.tenant,
        **tenant_account(item),
        "override": override
        and {
            "reason": override.reason,
            "by": override.by,
            "expiresAt": override.expires_at.isoformat(),
        },
        "base": wire_whole(item.base, item.base_counts),
        "approved": [_approved(found) for found in item.approved],
        "plan": item.plan.id,
        "namespaces": [namespace_account(found) for found in item.namespaces],
        "largest": [_charge(found) for found in item.largest],
    }


def _count(hard: int, used: int) -> dict[str, int]:
    """What is counted and not summed up over namespaces."""
    return {"hard": hard, "used": used, "left": max(0, hard - used)}


def _approved(item: QuotaRequest) -> dict[str, Any]:
    return {
        "request": item.id,
        "namespace": item.namespace,
        "extra": wire_whole(item.extra, item.counts),
        "reason": item.reason,
        "expiresAt": item.expires_at and item.expires_at.isoformat(),
    }


def _charge(item: Charge) -> dict[str, Any]:
    return {
        "kind": item.key.kind,
        "namespace": item.key.namespace,
        "name": item.key.name,
        "used": amounts(item.used),
        "reserved": amounts(item.reserved),
    }
