"""What the cluster is told of a namespace: the order that goes into the outbox with the change itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from funkhaus.crd import tenant_namespace

if TYPE_CHECKING:
    from funkhaus.domain.tenant import Namespace
    from funkhaus.ports import TenantWork


async def tell(work: TenantWork, namespace: Namespace) -> None:
    """Have the cluster follow, with what kube-apiserver itself has to know of the tenant to judge by."""
    tenant = await work.tenant()
    suffixes = tuple(await work.hosts.suffixes())
    told = replace(namespace, plan=tenant.plan, host_suffixes=suffixes)
    await work.enqueue(tenant_namespace.manifest(told))
