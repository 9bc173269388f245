"""Events on objects: said when something changes, never per reconciliation, and never without end."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from funkhaus.crd.conditions import ASLEEP, WAKING
from funkhaus.domain.errors import FunkhausError
from funkhaus.domain.kinds import EVENT
from funkhaus.manifests import labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from funkhaus.manifests.labels import Owner
    from funkhaus.ports import Clock, Cluster, Manifest

AT_ONCE = 10
"""Events one object may get in `WINDOW`."""
WINDOW = timedelta(minutes=5)
ROUTINE = timedelta(hours=1)
"""Between two Events that say a function went to sleep, or woke."""
OBJECTS_KEPT = 10_000
MESSAGE_LIMIT = 1024
_GOOD = {
    ("Degraded", "False"),
    ("Admitted", "True"),
    ("Approved", "True"),
    ("Built", "True"),
    ("Ready", "True"),
}


_SLEEP = {ASLEEP, WAKING}
_NO_NEWS = {("Degraded", "False"), ("Approved", "True")}
"""Not worth an Event where the condition was not there before."""


class Happenings:
    """Turns changed conditions and repairs into Events, bounded per object."""

    def __init__(self, cluster: Cluster, clock: Clock, component: str) -> None:
        self._cluster, self._clock, self._component = cluster, clock, component
        self._said: OrderedDict[str, list[datetime]] = OrderedDict()
        self._routine: OrderedDict[tuple[str, str], datetime] = OrderedDict()

    async def conditions(
        self,
        manifest: Manifest,
        before: Iterable[Mapping[str, Any]],
        after: Iterable[Mapping[str, Any]],
    ) -> None:
        """One Event for each new reason, though several conditions may give it; what can't be written is dropped."""
        old = {item["type"]: item.get("reason") for item in before}
        said: set[str] = set()
        for item in after:
            kind, status, reason = item["type"], item["status"], item["reason"]
            changed = old.get(kind) != reason and status != "Unknown"
            first_and_fine = kind not in old and (kind, status) in _NO_NEWS
            if not changed or first_and_fine or reason in said:
                continue
            said.add(reason)
            routine = status == "True" and {reason, old.get(kind)} & _SLEEP
            if routine and not self._worth_saying(manifest["metadata"]["uid"], reason):
                continue
            level = "Normal" if (kind, status) in _GOOD else "Warning"
            await self._say(manifest, level, reason, item["message"])

    async def repaired(self, owner: Owner, namespace: str, message: str) -> None:
        """An Event on the object that something is there for, which lies in `namespace` if it lies in one."""
        meta = {"name": owner.name, "uid": owner.uid}
        if owner.kind.namespaced:
            meta["namespace"] = namespace
        about = {"apiVersion": owner.kind.api_version, "kind": owner.kind.name, "metadata": meta}
        await self._say(about, "Warning", "Repaired", message)

    async def _say(self, manifest: Manifest, kind: str, reason: str, message: str) -> None:
        if not self._allowed(manifest["metadata"]["uid"]):
            return
        try:
            await self._cluster.apply(self._event(manifest, kind, reason, message))
        except FunkhausError:
            return  # an Event is a courtesy: the condition says the same

    def _allowed(self, uid: str) -> bool:
        now = self._clock.now()
        recent = [at for at in self._said.pop(uid, []) if now - at < WINDOW]
        allowed = len(recent) < AT_ONCE
        self._said[uid] = [*recent, now] if allowed else recent
        while len(self._said) > OBJECTS_KEPT:
            self._said.popitem(last=False)
        return allowed

    def _worth_saying(self, uid: str, reason: str) -> bool:
        """Sleeping and waking is what such a function does all day."""
        now, key = self._clock.now(), (uid, reason)
        last = self._routine.get(key)
        if last is not None and now - last < ROUTINE:
            return False
        self._routine[key] = now
        self._routine.move_to_end(key)
        while len(self._routine) > OBJECTS_KEPT:
            self._routine.popitem(last=False)
        return True

    def _event(self, manifest: Manifest, kind: str, reason: str, message: str) -> Manifest:
        meta, now = manifest["metadata"], self._clock.now()
        namespace = meta.get("namespace", "default")
        digest = hashlib.sha256(f"{meta['uid']} {reason} {message} {now}".encode()).hexdigest()[:16]
        at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.name,
            "metadata": {
                "namespace": namespace,
                "name": f"{meta['name']}.{digest}",
                "labels": dict(labels.MANAGED),
            },
            "involvedObject": {
                "apiVersion": manifest["apiVersion"],
                "kind": manifest["kind"],
                "name": meta["name"],
                "uid": meta["uid"],
                **({"namespace": namespace} if "namespace" in meta else {}),
            },
            "type": kind,
            "reason": reason,
            "message": message[:MESSAGE_LIMIT],
            "firstTimestamp": at,
            "lastTimestamp": at,
            "count": 1,
            "source": {"component": self._component},
            "reportingComponent": self._component,
            "reportingInstance": self._component,
        }
