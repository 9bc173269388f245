"""What a function's revisions may run at this moment, whatever its spec has come to ask for.

It is read off their Deployments and the autoscaler: the controller alone writes them (no role of a tenant's has a verb for
it), and they are what pods are made from. A revision that is on its way out, or that goes on because the change was held,
is in the books as long as its Deployment is there. What a trigger's split names is in the trigger's.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from funkhaus.crd import function as function_crd
from funkhaus.crd import http_trigger as http_trigger_crd
from funkhaus.crd.function import parse_resources
from funkhaus.domain.kinds import AUTOSCALER, DEPLOYMENT, FUNCTION, HTTP_TRIGGER
from funkhaus.domain.names import function_of
from funkhaus.domain.quota import NOTHING, Amounts, of_pinned, of_replicas
from funkhaus.manifests import function as builders
from funkhaus.manifests import labels
from funkhaus.manifests.pod import CONTAINER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from funkhaus.domain.function import Resources
    from funkhaus.domain.kinds import Kind
    from funkhaus.ports import Cluster, Manifest


async def running(cluster: Cluster, kind: Kind, manifest: Manifest) -> Amounts:
    """What may run for an object: of a Function the largest of its revisions, amount by amount; of an HTTPTrigger the sum
    of those it pins; nothing of others.

    Raises `InvalidError` for a wrong shape, `UnavailableError`.
    """
    namespace = manifest["metadata"]["namespace"]
    if kind == HTTP_TRIGGER:
        names = {pin.revision for pin in http_trigger_crd.pins(manifest)}
        found = [
            await _workloads(cluster, namespace, function)
            for function in sorted({function_of(name) for name in names} - {""})
        ]
        deployments = [item for one, _ in found for item in one]
        return of_pins(deployments, [item for _, one in found for item in one], names)
    if kind != FUNCTION:
        return NOTHING
    function = function_crd.parse(manifest)
    (deployments, autoscalers), triggers = await asyncio.gather(
        _workloads(cluster, namespace, function.name),
        cluster.list(HTTP_TRIGGER, namespace),
    )
    owner = builders.owner(function)
    pins = {pin.revision for item in triggers for pin in http_trigger_crd.pins(item)}
    return most(
        [item for item in deployments if owner.owns(item)],
        [item for item in autoscalers if owner.owns(item)],
        pins,
    )


async def _workloads(
    cluster: Cluster, namespace: str, function: str
) -> tuple[list[Manifest], list[Manifest]]:
    selected = {labels.FUNCTION: function}
    deployments, autoscalers = await asyncio.gather(
        cluster.list(DEPLOYMENT, namespace, labels=selected),
        cluster.list(AUTOSCALER, namespace, labels=selected),
    )
    return deployments, autoscalers


def most(
    deployments: Iterable[Manifest],
    autoscalers: Sequence[Manifest],
    pinned: AbstractSet[str] = frozenset(),
) -> Amounts:
    """The largest of what a function's revisions may run. An update runs two for a while: the larger is charged.

    Those that are `pinned` are charged to the triggers that name them.
    """
    found = NOTHING
    for item in deployments:
        if item["metadata"]["name"] not in pinned:
            found = found.most(of_replicas(_resources(item), replicas(item, autoscalers)))
    return found


def of_pins(
    deployments: Iterable[Manifest], autoscalers: Sequence[Manifest], names: AbstractSet[str]
) -> Amounts:
    """The sum of what revisions of these names may run, and the trigger itself that pins them."""
    found = Amounts(triggers=1, hosts=1) if names else NOTHING
    for item in deployments:
        if item["metadata"]["name"] in names:
            found += of_pinned([_resources(item)], replicas(item, autoscalers))
    return found


def replicas(deployment: Manifest | None, autoscalers: Iterable[Manifest]) -> int:
    """How many a Deployment may come to by itself: what it is set to, or an autoscaler may set it to.

    One at least, with which it comes back from rest; 0 without a Deployment.
    """
    if deployment is None:
        return 0
    found = deployment["spec"].get("replicas", 1)
    for autoscaler in autoscalers:
        if target(autoscaler) == deployment["metadata"]["name"]:
            found = max(found, autoscaler["spec"].get("maxReplicas", 1))
    return max(1, int(found))


def target(autoscaler: Manifest | None) -> str:
    """The Deployment an autoscaler decides for; empty without one."""
    spec = (autoscaler or {}).get("spec") or {}
    return str((spec.get("scaleTargetRef") or {}).get("name", ""))


def _resources(deployment: Manifest) -> Resources:
    template = deployment["spec"]["template"]["spec"]
    for container in template["containers"]:
        if container["name"] == CONTAINER:
            return parse_resources((container.get("resources") or {}).get("limits") or {})
    return parse_resources({})
