"""Tenants, their namespaces and what a plan gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus.domain.errors import PolicyError
from funkhaus.domain.names import cluster_namespace
from funkhaus.domain.quota import Quota
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

NamespaceQuota = Quota
"""A namespace's, under the name it had when it was the only one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A named set of defaults and ceilings. Per-function ceilings are policy data (`policies/data/plans.yaml`).

    `namespace_quota` is what a new namespace starts with, `tenant_quota` the most all of a tenant's hold together.
    `tokens` are those that are valid at the same time.
    """

    id: str
    namespaces: int
    namespace_quota: Quota
    tenant_quota: Quota
    tokens: int


@dataclass(frozen=True, slots=True)
class Suspension:
    """A platform admin's word that a tenant rests or a user stays out: since when, why, and the name of who said so."""

    at: datetime
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Deletion:
    """That a tenant is to go: who asked and when, and the instant from which on everything of it is taken away.

    `by_platform` says that an admin asked; then only an admin takes it back.
    """

    asked_at: datetime
    asked_by: str
    after: datetime
    reason: str = ""
    by_platform: bool = False


@dataclass(frozen=True, slots=True)
class Tenant:
    """Who owns namespaces, members, a plan, a quota and an invoice. The id is a DNS label and never reused.

    With a `deletion` it ends then, and rests until, as one that is suspended does.
    """

    id: str
    plan: str
    display_name: str = ""
    suspension: Suspension | None = None
    deletion: Deletion | None = None

    @property
    def suspended(self) -> bool:
        """Whether its functions rest and nothing of it is changed."""
        return self.suspension is not None or self.deletion is not None

    @property
    def standing(self) -> str:
        """``active``, ``suspended`` or ``deleting``."""
        if self.deletion is not None:
            return "deleting"
        return "suspended" if self.suspension is not None else "active"

    @property
    def objections(self) -> tuple[Finding, ...]:
        """What is said to every change while it rests: since when, by whom, why, and whom to ask."""
        found = []
        if (deletion := self.deletion) is not None:
            why = f": {deletion.reason}" if deletion.reason else ""
            who = "a platform admin" if deletion.by_platform else "an owner"
            message = (
                f'tenant "{self.id}" is being deleted, as {deletion.asked_by} asked on '
                f"{deletion.asked_at:%Y-%m-%d}{why}. Nothing is created or changed in it; until "
                f"{deletion.after:%Y-%m-%d %H:%M} UTC {who} can take that back with "
                f"`funkhaus tenant undelete {self.id}`"
            )
            found.append(Finding("tenant-deleting", message))
        if (suspension := self.suspension) is not None:
            message = (
                f'tenant "{self.id}" is suspended since {suspension.at:%Y-%m-%d} by {suspension.by}: '
                f"{suspension.reason}. Nothing is created or changed in it until a platform admin says "
                f"`funkhaus tenant resume {self.id}`; ask {suspension.by}"
            )
            found.append(Finding("tenant-suspended", message))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Namespace:
    """A tenant's namespace; Postgres is its truth, the cluster follows."""

    tenant: str
    name: str
    quota: NamespaceQuota
    suspended: bool = False
    """Whether its tenant rests."""
    adopted: bool = False
    """Whether the Kubernetes namespace was there before the platform, which takes it over as it is."""
    plan: str = ""
    """Its tenant's plan, where the cluster is told; kept with the tenant alone."""
    host_suffixes: tuple[str, ...] = ()
    """Those granted to its tenant beside the default one, likewise."""

    @property
    def cluster_name(self) -> str:
        """The Kubernetes namespace."""
        return cluster_namespace(self.tenant, self.name)


@dataclass(frozen=True, slots=True)
class TenantFacts:
    """What a review needs to know of the tenant a Kubernetes namespace belongs to; travels in the policy input.

    `objections` are `Tenant.objections`: they go before any rule, and no policy can overrule them.
    """

    tenant: str
    namespace: str
    plan: str
    host_suffixes: tuple[str, ...]
    objections: tuple[Finding, ...] = ()


def resting(objections: Sequence[Finding]) -> PolicyError:
    """The refusal of a change in a tenant that rests."""
    return PolicyError("; ".join(item.sentence for item in objections), findings=objections)
