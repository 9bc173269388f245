"""What a function has in the cluster now."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus.crd import http_trigger as http_trigger_crd
from funkhaus.domain.kinds import (
    AUTOSCALER,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    FUNCTION_REVISION,
    HTTP_TRIGGER,
    POD,
    SERVICE,
)
from funkhaus.domain.names import function_of
from funkhaus.manifests import function as builders
from funkhaus.manifests import labels, waking

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from funkhaus.domain.function import Function
    from funkhaus.domain.trigger import Pin
    from funkhaus.manifests.labels import Owner
    from funkhaus.ports import Cluster, Manifest

PODS_SEEN = 100
TRIGGERS_SEEN = 500


@dataclass(frozen=True, slots=True)
class Observed:
    """A function's objects by name, only its own ones; pods and triggers as they came."""

    revisions: Mapping[str, Manifest]
    deployments: Mapping[str, Manifest]
    services: Mapping[str, Manifest]
    autoscalers: Mapping[str, Manifest]
    pods: tuple[Manifest, ...]
    triggers: tuple[Manifest, ...]
    waker: Manifest | None = None
    """What makes the waker part of the public Service, while it is."""
    pins: tuple[Pin, ...] = ()
    """Revisions of it that run for triggers' sake, as the triggers' statuses say."""

    def active(self, function: str) -> str:
        """The revision the public Service selects, if that revision is known; else empty."""
        public = self.services.get(function)
        selector = ((public or {}).get("spec") or {}).get("selector") or {}
        name = str(selector.get(labels.REVISION) or "")
        return name if name in self.revisions else ""

    def pods_of(self, revision: str) -> tuple[Manifest, ...]:
        """The pods of one revision."""
        return tuple(
            pod
            for pod in self.pods
            if (pod["metadata"].get("labels") or {}).get(labels.REVISION) == revision
        )


async def observe(cluster: Cluster, function: Function) -> Observed:
    """Read everything at once."""
    namespace, name = function.namespace, function.name
    selected = {labels.FUNCTION: name}
    (revisions, deployments, services, pods, triggers), (scalers, waker) = await asyncio.gather(
        asyncio.gather(
            cluster.list(FUNCTION_REVISION, namespace, labels=selected),
            cluster.list(DEPLOYMENT, namespace, labels=selected),
            cluster.list(SERVICE, namespace, labels=selected),
            cluster.list(POD, namespace, labels=selected, limit=PODS_SEEN),
            cluster.list(HTTP_TRIGGER, namespace, limit=TRIGGERS_SEEN),
        ),
        asyncio.gather(
            cluster.list(AUTOSCALER, namespace, labels=selected),
            cluster.get(ENDPOINT_SLICE, namespace, waking.name(name)),
        ),
    )
    owner = builders.owner(function)
    return Observed(
        revisions=_own(revisions, owner),
        deployments=_own(deployments, owner),
        services=_own(services, owner),
        autoscalers=_own(scalers, owner),
        pods=tuple(pods),
        triggers=tuple(item for item in triggers if item["spec"].get("function") == name),
        waker=waker if waker and owner.owns(waker) else None,
        pins=tuple(
            pin
            for item in triggers
            for pin in http_trigger_crd.pins(item)
            if function_of(pin.revision) == name
        ),
    )


def _own(manifests: Iterable[Manifest], owner: Owner) -> dict[str, Manifest]:
    return {item["metadata"]["name"]: item for item in manifests if owner.owns(item)}
