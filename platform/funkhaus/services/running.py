"""What a function's revisions may run at this moment, whatever its spec has come to ask for.

It is read off their Deployments and the autoscaler: the controller alone writes them (no role of a tenant's has a verb for
it), and they are what pods are made from. A revision that is on its way out, or that goes on because the change was held,
is in the books as long as its Deployment is there.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from funkhaus.crd import function as function_crd
from funkhaus.crd.function import parse_resources
from funkhaus.domain.kinds import AUTOSCALER, DEPLOYMENT, FUNCTION
from funkhaus.domain.quota import NOTHING, Amounts, of_replicas
from funkhaus.manifests import function as builders
from funkhaus.manifests import labels
from funkhaus.manifests.pod import CONTAINER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from funkhaus.domain.function import Resources
    from funkhaus.domain.kinds import Kind
    from funkhaus.ports import Cluster, Manifest


async def running(cluster: Cluster, kind: Kind, manifest: Manifest) -> Amounts:
    """The largest, amount by amount, of what an object's revisions may run; nothing but of a Function.

    Raises `InvalidError` for a wrong shape, `UnavailableError`.
    """
    if kind != FUNCTION:
        return NOTHING
    function = function_crd.parse(manifest)
    selected = {labels.FUNCTION: function.name}
    deployments, autoscaler = await asyncio.gather(
        cluster.list(DEPLOYMENT, function.namespace, labels=selected),
        cluster.get(AUTOSCALER, function.namespace, function.name),
    )
    owner = builders.owner(function)
    own = [item for item in deployments if owner.owns(item)]
    return most(own, autoscaler if autoscaler and owner.owns(autoscaler) else None)


def most(deployments: Iterable[Manifest], autoscaler: Manifest | None) -> Amounts:
    """The largest of what these may run. An update runs two revisions for a while: the larger is charged."""
    found = NOTHING
    for item in deployments:
        found = found.most(of_replicas(_resources(item), replicas(item, autoscaler)))
    return found


def replicas(deployment: Manifest | None, autoscaler: Manifest | None) -> int:
    """How many a Deployment may come to by itself: what it is set to, or the autoscaler may set it to.

    One at least, with which it comes back from rest; 0 without a Deployment.
    """
    if deployment is None:
        return 0
    found = deployment["spec"].get("replicas", 1)
    spec = (autoscaler or {}).get("spec") or {}
    if (spec.get("scaleTargetRef") or {}).get("name") == deployment["metadata"]["name"]:
        found = max(found, spec.get("maxReplicas", 1))
    return max(1, int(found))


def _resources(deployment: Manifest) -> Resources:
    template = deployment["spec"]["template"]["spec"]
    for container in template["containers"]:
        if container["name"] == CONTAINER:
            return parse_resources((container.get("resources") or {}).get("limits") or {})
    return parse_resources({})
