"""Custom resources on the wire: name, labels, spec and status, without Kubernetes' bookkeeping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from funkhaus.domain.function import DEFAULT_IDLE
from funkhaus_api.wire.reading import Body

if TYPE_CHECKING:
    from funkhaus.ports import Manifest
    from funkhaus.services.resources import Place

Labels = Annotated[dict[str, str], Field(max_length=32)]


class Spec(Body):
    """What replaces an object. The spec is the resource's own, judged by its schema and by admission."""

    spec: dict[str, Any]
    labels: Labels = Field(default_factory=dict)


class NewResource(Spec):
    """What creates an object."""

    name: str = Field(min_length=1, max_length=253)


class Patch(Body):
    """What changes an object (RFC 7396)."""

    spec: dict[str, Any]


class NewScaling(Body):
    """Replicas, the CPU utilisation in percent that the autoscaler holds, and seconds without a call before it sleeps."""

    min: int
    max: int
    cpu_percent: int = 80
    idle: int = DEFAULT_IDLE


def resource(place: Place, manifest: Manifest) -> dict[str, Any]:
    """An object as stored."""
    meta = manifest["metadata"]
    return {
        "name": meta["name"],
        "namespace": place.namespace,
        "tenant": place.tenant,
        "labels": meta.get("labels") or {},
        "generation": meta.get("generation", 0),
        "createdAt": meta.get("creationTimestamp") or "",
        "spec": manifest.get("spec") or {},
        "status": manifest.get("status") or {},
    }
