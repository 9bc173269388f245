"""Tenants, their namespaces and what a plan gives them."""

from __future__ import annotations

from dataclasses import dataclass

from funkhaus.domain.names import cluster_namespace
from funkhaus.domain.quota import Quota

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
    """Who owns namespaces, members, a plan, a quota and an invoice. The id is a DNS label and never reused."""

    id: str
    plan: str
    display_name: str = ""


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
