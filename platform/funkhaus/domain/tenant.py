"""Tenants, their namespaces and what a plan gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus.domain.names import cluster_namespace
from funkhaus.domain.quota import Quota

if TYPE_CHECKING:
    from datetime import datetime

NamespaceQuota = Quota
"""A namespace's, under the name it had when it was the only one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A named set of defaults and ceilings. Per-function ceilings are policy data (`policies/data/plans.yaml`).

    `namespace_quota` is what a new namespace starts with, `tenant_quota` the most all of a tenant's hold together.
    """

    id: str
    namespaces: int
    namespace_quota: Quota
    tenant_quota: Quota


@dataclass(frozen=True, slots=True)
class Tenant:
    """Who owns namespaces, members, a plan, a quota and an invoice. The id is a DNS label and never reused.

    `suspended_for` is the reason that was given. With `delete_after` it ends then, and is suspended until.
    """

    id: str
    plan: str
    display_name: str = ""
    suspended_at: datetime | None = None
    suspended_for: str = ""
    delete_after: datetime | None = None

    @property
    def suspended(self) -> bool:
        """Whether its functions rest and nothing of it is changed."""
        return self.suspended_at is not None or self.delete_after is not None

    @property
    def standing(self) -> str:
        """``active``, ``suspended`` or ``deleting``."""
        if self.delete_after is not None:
            return "deleting"
        return "suspended" if self.suspended_at is not None else "active"


@dataclass(frozen=True, slots=True)
class Namespace:
    """A tenant's namespace; Postgres is its truth, the cluster follows."""

    tenant: str
    name: str
    quota: NamespaceQuota

    @property
    def cluster_name(self) -> str:
        """The Kubernetes namespace."""
        return cluster_namespace(self.tenant, self.name)


@dataclass(frozen=True, slots=True)
class TenantFacts:
    """What a review needs to know of the tenant a Kubernetes namespace belongs to; travels in the policy input."""

    tenant: str
    namespace: str
    plan: str
    host_suffixes: tuple[str, ...]
    suspended: bool = False
