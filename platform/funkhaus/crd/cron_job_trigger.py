"""CronJobTrigger object ↔ `funkhaus.domain.trigger.CronJobTrigger`."""

from __future__ import annotations

import json
from typing import Any

from funkhaus.crd.fields import field, metadata
from funkhaus.domain.errors import InvalidError
from funkhaus.domain.kinds import API_VERSION
from funkhaus.domain.trigger import CronJobTrigger, CronJobTriggerSpec
from funkhaus.domain.verdict import Finding

PAYLOAD_DEPTH = 64
"""Objects and lists within each other in a payload, itself among them; readers of JSON end at what is nested too deeply."""


def parse(manifest: dict[str, Any]) -> CronJobTrigger:
    """The trigger of a manifest; raises `InvalidError` naming the field."""
    meta = metadata(manifest)
    spec = field(manifest, "spec", dict, "")
    payload = field(spec, "payload", dict, "spec", None)
    _bounded(payload)
    return CronJobTrigger(
        namespace=field(meta, "namespace", str, "metadata", ""),
        name=field(meta, "name", str, "metadata"),
        spec=CronJobTriggerSpec(
            function=field(spec, "function", str, "spec"),
            schedule=field(spec, "schedule", str, "spec"),
            time_zone=field(spec, "timeZone", str, "spec", "UTC"),
            payload=""
            if payload is None
            else json.dumps(payload, ensure_ascii=False, sort_keys=True),
            concurrency=field(spec, "concurrencyPolicy", str, "spec", "Allow"),
            suspend=spec.get("suspend") is True,
            successes_kept=field(spec, "successfulJobsHistoryLimit", int, "spec", 3),
            failures_kept=field(spec, "failedJobsHistoryLimit", int, "spec", 1),
        ),
        uid=field(meta, "uid", str, "metadata", ""),
        generation=field(meta, "generation", int, "metadata", 0),
        created_at=field(meta, "creationTimestamp", str, "metadata", ""),
    )


def _bounded(payload: dict[str, Any] | None) -> None:
    level: list[Any] = [payload]
    for _ in range(PAYLOAD_DEPTH):
        inner = [
            item.values() if isinstance(item, dict) else item
            for item in level
            if isinstance(item, dict | list)
        ]
        level = [item for items in inner for item in items]
    if any(isinstance(item, dict | list) for item in level):
        message = (
            f"is nested deeper than {PAYLOAD_DEPTH} objects and lists; at most {PAYLOAD_DEPTH} pass"
        )
        raise InvalidError.at(
            Finding(
                "payload-too-deep",
                message,
                "spec.payload",
                limit=PAYLOAD_DEPTH,
                passes=PAYLOAD_DEPTH,
            )
        )


def manifest(trigger: CronJobTrigger) -> dict[str, Any]:
    """The object to apply."""
    spec: dict[str, Any] = {
        "function": trigger.spec.function,
        "schedule": trigger.spec.schedule,
        "timeZone": trigger.spec.time_zone,
        "concurrencyPolicy": trigger.spec.concurrency,
        "suspend": trigger.spec.suspend,
        "successfulJobsHistoryLimit": trigger.spec.successes_kept,
        "failedJobsHistoryLimit": trigger.spec.failures_kept,
    }
    if trigger.spec.payload:
        spec["payload"] = json.loads(trigger.spec.payload)
    return {
        "apiVersion": API_VERSION,
        "kind": "CronJobTrigger",
        "metadata": {"namespace": trigger.namespace, "name": trigger.name},
        "spec": spec,
    }
