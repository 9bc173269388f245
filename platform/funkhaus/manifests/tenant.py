"""A tenant's namespace: the Namespace itself, who may do what in it, and the floor under its quota."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from funkhaus.domain.kinds import (
    LIMIT_RANGE,
    NAMESPACE,
    RESOURCE_QUOTA,
    ROLE_BINDING,
    TENANT_NAMESPACE,
)
from funkhaus.domain.quantity import cpu_text, memory_text
from funkhaus.domain.subject import ADMIN_GROUP, Role, group, suspended_group
from funkhaus.manifests.labels import HOST_SUFFIXES, PLAN, Owner, Site, metadata

if TYPE_CHECKING:
    from funkhaus.domain.tenant import Namespace

FINALIZER = "funkhaus.dev/namespace"
"""Keeps a TenantNamespace until its Kubernetes Namespace is really gone."""
SURGE = 2
"""While a revision replaces another both run: the ledger counts the larger, the pods are the sum."""
SPARE_PODS = 10
"""Pods beside functions' replicas: builds and cron jobs."""
SERVICES_PER_FUNCTION = 4
"""The public one, and one for each revision that is around during updates."""
OBJECTS_PER_FUNCTION = 4
SPARE_OBJECTS = 20


def site(namespace: Namespace) -> Site:
    """Where the namespace's objects lie."""
    return Site(namespace.cluster_name, namespace.tenant, namespace.name)


def owner(namespace: Namespace, uid: str) -> Owner:
    """The TenantNamespace with this uid as the owner of everything made for it."""
    return Owner(TENANT_NAMESPACE, namespace.cluster_name, uid)


def kubernetes_namespace(namespace: Namespace, owned_by: Owner) -> dict[str, Any]:
    """The Namespace. Its labels are what admission selects and judges by, and what Pod Security and NetworkPolicy go by."""
    place = site(namespace)
    meta = metadata(place, place.namespace, owned_by)
    del meta["namespace"]
    meta["labels"] |= {
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/enforce-version": "latest",
        "pod-security.kubernetes.io/warn": "restricted",
        **({PLAN: namespace.plan} if namespace.plan else {}),
    }
    if namespace.host_suffixes:
        meta["annotations"] = {HOST_SUFFIXES: ",".join(namespace.host_suffixes)}
    return {"apiVersion": NAMESPACE.api_version, "kind": NAMESPACE.name, "metadata": meta}


def members_groups(tenant: str) -> dict[str, str]:
    """The groups of a tenant's members, by what is bound to them: the end of a ClusterRole's name."""
    return {
        # billing reads numbers, not the cluster
        role.value: group(tenant, role)
        for role in (Role.OWNER, Role.DEVELOPER, Role.VIEWER)
    } | {"suspended": suspended_group(tenant)}


def role_ref(name: str) -> dict[str, str]:
    """The reference to the chart's ClusterRole that ends in `name`."""
    return {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "ClusterRole",
        "name": f"funkhaus-tenant-{name}",
    }


def role_bindings(place: Site, owned_by: Owner) -> list[dict[str, Any]]:
    """One RoleBinding per role, on the platform's group for it; the ClusterRoles come with the chart.

    `suspended` is what is left of owner and developer while the tenant rests, beside viewer; `admin` is what platform
    admins may, who are no members.
    """
    groups = members_groups(place.tenant) | {"admin": ADMIN_GROUP}
    return [
        {
            "apiVersion": ROLE_BINDING.api_version,
            "kind": ROLE_BINDING.name,
            "metadata": metadata(place, f"funkhaus-{name}", owned_by),
            "roleRef": role_ref(name),
            "subjects": [
                {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "Group",
                    "name": members,
                }
            ],
        }
        for name, members in groups.items()
    ]


def resource_quota(namespace: Namespace, owned_by: Owner) -> dict[str, Any]:
    """The floor under the ledger: twice what functions may hold, because an update runs both revisions for a while."""
    quota = namespace.quota
    cpu, memory = cpu_text(SURGE * quota.cpu_millis), memory_text(SURGE * quota.memory_bytes)
    hard = {
        "pods": SURGE * quota.replicas + SPARE_PODS,
        "requests.cpu": cpu,
        "limits.cpu": cpu,
        "requests.memory": memory,
        "limits.memory": memory,
        "services": SERVICES_PER_FUNCTION * quota.functions,
        "services.nodeports": 0,
        "services.loadbalancers": 0,
        "persistentvolumeclaims": 0,
        "secrets": OBJECTS_PER_FUNCTION * quota.functions + SPARE_OBJECTS,
        "configmaps": OBJECTS_PER_FUNCTION * quota.functions + SPARE_OBJECTS,
        "count/functions.funkhaus.dev": quota.functions,
        "count/httptriggers.funkhaus.dev": quota.triggers,
        "count/cronjobtriggers.funkhaus.dev": quota.triggers,
    }
    return {
        "apiVersion": RESOURCE_QUOTA.api_version,
        "kind": RESOURCE_QUOTA.name,
        "metadata": metadata(site(namespace), "funkhaus", owned_by),
        "spec": {"hard": {name: str(amount) for name, amount in hard.items()}},
    }


def limit_range(place: Site, owned_by: Owner) -> dict[str, Any]:
    """What a container gets that asks for nothing: without it the ResourceQuota would refuse such a pod."""
    amounts = {"cpu": "100m", "memory": "128Mi"}
    return {
        "apiVersion": LIMIT_RANGE.api_version,
        "kind": LIMIT_RANGE.name,
        "metadata": metadata(place, "funkhaus", owned_by),
        "spec": {
            "limits": [
                {"type": "Container", "default": amounts, "defaultRequest": dict(amounts)},
            ]
        },
    }
