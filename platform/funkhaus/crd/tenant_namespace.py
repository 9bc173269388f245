"""TenantNamespace object ↔ `funkhaus.domain.tenant.Namespace`. Postgres is its truth; the object tells the controller."""

from __future__ import annotations

from typing import Any

from funkhaus.crd.fields import field
from funkhaus.domain.errors import InvalidError
from funkhaus.domain.kinds import API_VERSION
from funkhaus.domain.quantity import bytes_of, cpu_text, memory_text, millicores
from funkhaus.domain.tenant import Namespace, NamespaceQuota
from funkhaus.domain.verdict import Finding


def parse(manifest: dict[str, Any]) -> Namespace:
    """The namespace of a manifest; raises `InvalidError` naming the field."""
    spec = field(manifest, "spec", dict, "")
    quota = field(spec, "quota", dict, "spec")
    path = "spec.quota"
    return Namespace(
        tenant=field(spec, "tenant", str, "spec"),
        name=field(spec, "name", str, "spec"),
        quota=NamespaceQuota(
            functions=field(quota, "functions", int, path),
            triggers=field(quota, "triggers", int, path),
            replicas=field(quota, "replicas", int, path),
            cpu_millis=_amount(millicores(field(quota, "cpu", str, path)), f"{path}.cpu"),
            memory_bytes=_amount(bytes_of(field(quota, "memory", str, path)), f"{path}.memory"),
        ),
        suspended=spec.get("suspended") is True,
        adopted=spec.get("adopt") is True,
        plan=field(spec, "plan", str, "spec", ""),
        host_suffixes=tuple(str(item) for item in field(spec, "hostSuffixes", list, "spec", [])),
    )


def _amount(value: int | None, path: str) -> int:
    if value is None or value < 0:
        raise InvalidError.at(Finding("quantity-malformed", "is not a quantity of 0 or more", path))
    return value


def manifest(namespace: Namespace) -> dict[str, Any]:
    """The object to apply."""
    quota = namespace.quota
    return {
        "apiVersion": API_VERSION,
        "kind": "TenantNamespace",
        "metadata": {"name": namespace.cluster_name},
        "spec": {
            "tenant": namespace.tenant,
            "name": namespace.name,
            "quota": {
                "functions": quota.functions,
                "triggers": quota.triggers,
                "replicas": quota.replicas,
                "cpu": cpu_text(quota.cpu_millis),
                "memory": memory_text(quota.memory_bytes),
            },
            **({"suspended": True} if namespace.suspended else {}),
            **({"adopt": True} if namespace.adopted else {}),
            **({"plan": namespace.plan} if namespace.plan else {}),
            **({"hostSuffixes": list(namespace.host_suffixes)} if namespace.host_suffixes else {}),
        },
    }
