"""Status conditions as Kubernetes API conventions have them: type, status, reason, message, observedGeneration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

ADMITTED = "Admitted"
APPROVED = "Approved"
BUILT = "Built"
READY = "Ready"
DEGRADED = "Degraded"
ASLEEP, WAKING = "Asleep", "Waking"
"""Reasons of Ready: true, for calls are answered, though no replica runs yet."""
MESSAGE_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. `status` is ``True``, ``False`` or ``None`` for Unknown; `message` says what to do next."""

    type: str
    status: bool | None
    reason: str
    message: str


def merged(
    before: list[dict[str, Any]], now: Iterable[Condition], generation: int, at: datetime
) -> list[dict[str, Any]]:
    """The condition list to write: a transition time moves only when a status does; types not given are kept."""
    old = {item["type"]: item for item in before}
    for condition in now:
        status = "Unknown" if condition.status is None else str(condition.status)
        previous = old.get(condition.type, {})
        moved = previous.get("status") != status
        old[condition.type] = {
            "type": condition.type,
            "status": status,
            "reason": condition.reason,
            "message": condition.message[:MESSAGE_LIMIT],
            "observedGeneration": generation,
            "lastTransitionTime": at.strftime("%Y-%m-%dT%H:%M:%SZ")
            if moved
            else previous["lastTransitionTime"],
        }
    return [old[name] for name in sorted(old)]


def find(manifest: dict[str, Any], kind: str) -> dict[str, Any] | None:
    """The condition of one type in an object's status, or ``None``."""
    conditions = (manifest.get("status") or {}).get("conditions") or []
    return next((item for item in conditions if item.get("type") == kind), None)


def was_true(manifest: dict[str, Any], kind: str) -> bool:
    """Whether a condition is True, of the present generation or one before."""
    condition = find(manifest, kind)
    return condition is not None and condition.get("status") == "True"


def is_true(manifest: dict[str, Any], kind: str) -> bool:
    """Whether a condition is True and was made of the object's present generation."""
    condition = find(manifest, kind)
    if condition is None or condition.get("status") != "True":
        return False
    generation = (manifest.get("metadata") or {}).get("generation", 0)
    return bool(condition.get("observedGeneration", generation) >= generation)
