"""Whose business an event is: from an object that changed to the objects that have to be looked at. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from funkhaus.crd import http_trigger as http_trigger_crd
from funkhaus.domain.kinds import (
    AUTOSCALER,
    CRON_JOB,
    CRON_JOB_TRIGGER,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    FUNCTION,
    FUNCTION_REVISION,
    HTTP_ROUTE,
    HTTP_TRIGGER,
    INGRESS,
    JOB,
    NAMESPACE,
    NETWORK_POLICY,
    POD,
    RESOURCE_QUOTA,
    ROLE_BINDING,
    RUNTIME,
    SERVICE,
    TENANT_NAMESPACE,
)
from funkhaus.domain.names import function_of
from funkhaus.manifests import labels
from funkhaus.manifests.cron import CALLER
from funkhaus_controller.agenda import Key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PRIMARY = (FUNCTION, HTTP_TRIGGER, CRON_JOB_TRIGGER, TENANT_NAMESPACE)
"""What is reconciled."""
OWNED = (
    DEPLOYMENT, SERVICE, ENDPOINT_SLICE, AUTOSCALER, POD, FUNCTION_REVISION, INGRESS, CRON_JOB, JOB,
    NAMESPACE, NETWORK_POLICY, ROLE_BINDING, RESOURCE_QUOTA,
)  # fmt: skip
"""What is watched for the sake of those who own it; only with our label on it."""
ROUTED = (HTTP_ROUTE,)
"""Likewise, where the platform names a Gateway: elsewhere nobody serves these kinds."""
_PRIMARY_KINDS = {kind.name: kind for kind in PRIMARY}


def concerned(manifest: Mapping[str, Any]) -> Iterator[Key]:
    """The objects to look at when `manifest` changed, as far as it says so itself."""
    meta = manifest.get("metadata") or {}
    kind, namespace = manifest.get("kind", ""), meta.get("namespace", "")
    if kind in _PRIMARY_KINDS:
        yield Key(kind, namespace, meta["name"])
        if kind == HTTP_TRIGGER.name:  # its URL is part of the function's status
            function = (manifest.get("spec") or {}).get("function")
            pinned = {function_of(pin.revision) for pin in http_trigger_crd.pins(dict(manifest))}
            for name in sorted(pinned | ({function} if isinstance(function, str) else set())):
                yield Key(FUNCTION.name, namespace, name)
        return
    if kind in {POD.name, JOB.name}:  # owned by a ReplicaSet, a CronJob or its Job, ours by label
        carried = meta.get("labels") or {}
        if function := carried.get(labels.FUNCTION) or carried.get(labels.BUILD):
            yield Key(FUNCTION.name, namespace, function)
        if carried.get(labels.CALLER) == CALLER and (trigger := carried.get(labels.TRIGGER)):
            yield Key(CRON_JOB_TRIGGER.name, namespace, trigger)
        return
    for reference in meta.get("ownerReferences") or []:
        owner = _PRIMARY_KINDS.get(reference.get("kind", ""))
        if owner and reference.get("controller"):
            yield Key(owner.name, namespace if owner.namespaced else "", reference["name"])


def asks_for(dependent: Mapping[str, Any], changed: Mapping[str, Any]) -> bool:
    """Whether `dependent` goes by `changed`: a trigger by its function, a function by its runtime and its namespace."""
    if changed["kind"] == TENANT_NAMESPACE.name:
        return bool(dependent["metadata"].get("namespace") == changed["metadata"]["name"])
    spec, name = dependent.get("spec") or {}, changed["metadata"]["name"]
    if changed["kind"] == FUNCTION.name:
        return bool(spec.get("function") == name)
    return bool(changed["kind"] == RUNTIME.name and spec.get("runtime") == name)


class Fresh:
    """Tells news from echoes: our own writing of a status comes back as an event that changes nothing for us."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Any, ...]] = {}

    def is_news(self, manifest: Mapping[str, Any], *, deleted: bool) -> bool:
        """Whether anything but status and bookkeeping of a primary object changed."""
        meta = manifest.get("metadata") or {}
        if manifest.get("kind") not in _PRIMARY_KINDS:
            return True
        uid = meta.get("uid", "")
        if deleted:
            self._seen.pop(uid, None)
            return True
        status = manifest.get("status") or {}  # a trigger's URL and pins are its function's news
        mark = (
            meta.get("generation"),
            meta.get("deletionTimestamp"),
            tuple(meta.get("finalizers") or ()),
            status.get("url"),
            repr(status.get("pins")),
        )
        news = self._seen.get(uid) != mark
        self._seen[uid] = mark
        return news
