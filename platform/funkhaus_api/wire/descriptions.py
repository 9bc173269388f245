"""A function's description on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from funkhaus.domain.revision import RevisionState
from funkhaus.manifests import labels
from funkhaus.services.descriptions import last_seen
from funkhaus.services.revisions import state_of
from funkhaus_api.wire.resources import resource

if TYPE_CHECKING:
    from funkhaus.ports import Manifest
    from funkhaus.services.descriptions import Description
    from funkhaus.services.resources import Place


def description(place: Place, item: Description) -> dict[str, Any]:
    """The whole document."""
    return {
        "function": resource(place, item.function),
        "revisions": [_revision(manifest, item.function) for manifest in item.revisions],
        "pods": [pod(manifest) for manifest in item.pods],
        "triggers": [resource(place, manifest) for manifest in item.triggers],
        "cronTriggers": [resource(place, manifest) for manifest in item.cron_triggers],
        "events": [_event(manifest) for manifest in item.events],
    }


def _revision(manifest: Manifest, function: Manifest) -> dict[str, Any]:
    meta, spec = manifest["metadata"], manifest.get("spec") or {}
    state = state_of(manifest, function)
    return {
        "name": meta["name"],
        "image": spec.get("image", ""),
        "sourceDigest": spec.get("sourceDigest", ""),
        "createdAt": meta.get("creationTimestamp") or "",
        "state": state.value,
        "serving": state is RevisionState.SERVING,
    }


def pod(manifest: Manifest) -> dict[str, Any]:
    """A replica: its state, why it waits or ended, and how it ended before."""
    meta, status = manifest["metadata"], manifest.get("status") or {}
    container: Manifest = next(iter(status.get("containerStatuses") or []), {})
    state = container.get("state") or {}
    now = state.get("waiting") or state.get("terminated") or {}
    before = (container.get("lastState") or {}).get("terminated")
    unscheduled: Manifest = next(
        (item for item in status.get("conditions") or []
         if item.get("type") == "PodScheduled" and item.get("status") == "False"),
        {},
    )  # fmt: skip
    return {
        "name": meta["name"],
        "revision": (meta.get("labels") or {}).get(labels.REVISION, ""),
        "phase": "Terminating" if meta.get("deletionTimestamp") else status.get("phase", ""),
        "ready": bool(container.get("ready")),
        "restarts": container.get("restartCount", 0),
        "reason": now.get("reason") or unscheduled.get("reason") or status.get("reason") or "",
        "message": now.get("message") or unscheduled.get("message") or status.get("message") or "",
        "lastTermination": _termination(before) if before else None,
    }


def _termination(state: Manifest) -> dict[str, Any]:
    return {
        "reason": state.get("reason", ""),
        "exitCode": state.get("exitCode", 0),
        "message": state.get("message", ""),
        "finishedAt": state.get("finishedAt") or "",
    }


def _event(manifest: Manifest) -> dict[str, Any]:
    about = manifest.get("involvedObject") or {}
    series = manifest.get("series") or {}
    return {
        "type": manifest.get("type") or "",
        "reason": manifest.get("reason") or "",
        "message": manifest.get("message") or "",
        "object": f"{about.get('kind')}/{about.get('name')}",
        "count": series.get("count") or manifest.get("count") or 1,
        "lastSeen": last_seen(manifest),
    }
