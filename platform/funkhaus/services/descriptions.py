"""Everything there is to know of a function in one reading, as the user."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus.domain.errors import ForbiddenError
from funkhaus.domain.kinds import (
    CRON_JOB,
    CRON_JOB_TRIGGER,
    EVENT,
    FUNCTION_REVISION,
    HTTP_TRIGGER,
    POD,
)
from funkhaus.domain.permission import Permission
from funkhaus.manifests import labels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from funkhaus.domain.kinds import Kind
    from funkhaus.ports import Cluster, Manifest
    from funkhaus.services.acts import Asker
    from funkhaus.services.functions import FunctionService
    from funkhaus.services.resources import Place

EVENTS = 50
"""Events shown at most, newest first."""
EVENTS_READ = 1000
OBJECTS = 100
"""Revisions, pods and triggers of a kind read at most, each."""


@dataclass(frozen=True, slots=True)
class Description:
    """A function and what is around it, as manifests."""

    function: Manifest
    revisions: Sequence[Manifest]
    pods: Sequence[Manifest]
    triggers: Sequence[Manifest]
    cron_triggers: Sequence[Manifest]
    events: Sequence[Manifest]


class DescriptionService:
    """Reads it all at once. What the asker may not read is empty, the function itself excepted."""

    def __init__(self, functions: FunctionService, cluster: Cluster) -> None:
        self._functions, self._cluster = functions, cluster

    async def of(self, asker: Asker, place: Place, name: str) -> Description:
        """The description; raises `NotFoundError`, `ForbiddenError`."""
        async with self._functions.reading(asker, place, Permission.FUNCTION_READ, name) as where:
            namespace = where.cluster_name
            function = await self._functions.one(asker, where, name)
            mine = {labels.FUNCTION: name}
            revisions, pods, triggers, crons, events = await asyncio.gather(
                self._list(asker, FUNCTION_REVISION, namespace, mine),
                self._list(asker, POD, namespace, mine),
                self._list(asker, HTTP_TRIGGER, namespace),
                self._list(asker, CRON_JOB_TRIGGER, namespace),
                self._list(asker, EVENT, namespace, limit=EVENTS_READ),
            )
        triggers, crons = (_calling(name, items) for items in (triggers, crons))
        named = {
            ("Function", name),
            *_names("FunctionRevision", revisions),
            *_names("Deployment", revisions),
            *_names("ReplicaSet", pods, suffix="-"),
            *_names("Pod", pods),
            *_names("HTTPTrigger", triggers),
            *_names("Ingress", triggers),
            *_names("HTTPRoute", triggers),
            *_names(CRON_JOB_TRIGGER.name, crons),
            *_names(CRON_JOB.name, crons),
            ("HorizontalPodAutoscaler", name),
            *_names("HorizontalPodAutoscaler", revisions),
        }
        return Description(
            function=function,
            revisions=sorted(revisions, key=_created, reverse=True),
            pods=pods,
            triggers=triggers,
            cron_triggers=crons,
            events=_newest([event for event in events if _involved(event) in named]),
        )

    async def _list(
        self,
        asker: Asker,
        kind: Kind,
        namespace: str,
        selector: Mapping[str, str] | None = None,
        limit: int = OBJECTS,
    ) -> list[Manifest]:
        try:
            return await self._cluster.list(
                kind, namespace, labels=selector, limit=limit, subject=asker.subject
            )
        except ForbiddenError:
            return []


def _calling(function: str, triggers: Sequence[Manifest]) -> list[Manifest]:
    return [item for item in triggers if (item.get("spec") or {}).get("function") == function]


def _names(kind: str, items: Sequence[Manifest], suffix: str = "") -> set[tuple[str, str]]:
    """Names of objects; with `suffix` of what made them (a pod's ReplicaSet is its name up to the last hyphen)."""
    names = (str(item["metadata"]["name"]) for item in items)
    return {(kind, name.rpartition(suffix)[0] if suffix else name) for name in names}


def _involved(event: Manifest) -> tuple[str, str]:
    about = event.get("involvedObject") or {}
    return str(about.get("kind")), str(about.get("name"))


def last_seen(event: Manifest) -> str:
    """When an event was last seen, RFC 3339; several fields have held it over the years."""
    series = event.get("series") or {}
    return str(
        series.get("lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("eventTime")
        or event["metadata"].get("creationTimestamp")
        or ""
    )


def _newest(events: list[Manifest]) -> list[Manifest]:
    return sorted(events, key=last_seen, reverse=True)[:EVENTS]


def _created(manifest: Manifest) -> str:
    return str(manifest["metadata"].get("creationTimestamp") or "")
