"""What a function's status says: Ready and Degraded, from what was seen. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from funkhaus.crd.conditions import APPROVED, ASLEEP, DEGRADED, READY, WAKING, Condition
from funkhaus.services.materialisation.building import UNDER_WAY
from funkhaus.services.materialisation.diagnosis import Trouble, replicas, trouble

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from funkhaus.ports import Manifest
    from funkhaus.services.materialisation.observed import Observed
    from funkhaus.services.materialisation.rollout import Rolled


PINNED_SHOWN = 64
"""Names in a status."""


def appraise(
    seen: Observed, rolled: Rolled, held: Condition | None, now: datetime
) -> tuple[Condition, Condition]:
    """Ready and Degraded. `held` is the Admitted, Approved or Built condition that keeps the spec from being run."""
    if held:
        return _held(rolled, held)
    wrong = _trouble(seen, rolled, rolled.desired, now)
    say = _alone if rolled.desired == rolled.active else _rolling
    others = wrong or _trouble(seen, rolled, rolled.active, now) or _of_pins(seen, rolled, now)
    return say(rolled, wrong), _degraded(others)


def _trouble(seen: Observed, rolled: Rolled, name: str, now: datetime) -> Trouble | None:
    if name not in rolled.specs:
        return None
    return trouble(rolled.specs[name], rolled.deployments.get(name), seen.pods_of(name), now)


def _of_pins(seen: Observed, rolled: Rolled, now: datetime) -> Trouble | None:
    """What is wrong with a revision that takes a share of some trigger's calls."""
    for name in sorted(rolled.pins):
        if found := _trouble(seen, rolled, name, now):
            said = f"revision {name}, which a trigger's split names: {found.message}"
            return Trouble(found.reason, said, found.fatal)
    return None


def _degraded(wrong: Trouble | None) -> Condition:
    if wrong:
        return Condition(DEGRADED, status=True, reason=wrong.reason, message=wrong.message)
    return Condition(DEGRADED, status=False, reason="AsExpected", message="nothing is wrong")


def _serves(rolled: Rolled) -> str:
    """The half-sentence about the revision that answers meanwhile."""
    if rolled.bed.asleep or replicas(rolled.deployments.get(rolled.active)).ready:
        return f"; revision {rolled.active} goes on serving"
    return "; nothing serves"


def _held(rolled: Rolled, held: Condition) -> tuple[Condition, Condition]:
    message = held.message + (_serves(rolled) if rolled.active else "")
    if held.reason in UNDER_WAY:
        return (
            Condition(READY, status=None, reason=held.reason, message=message),
            Condition(DEGRADED, status=False, reason="AsExpected", message="nothing is wrong"),
        )
    waits = held.type == APPROVED
    wrong = "nothing is wrong; it is held until it is approved" if waits else held.message
    return (
        Condition(READY, status=False, reason=held.reason, message=message),
        Condition(DEGRADED, status=not waits, reason=held.reason, message=wrong),
    )


def _rolling(rolled: Rolled, wrong: Trouble | None) -> Condition:
    count = replicas(rolled.deployments.get(rolled.desired))
    if wrong:
        return Condition(
            READY,
            status=False if wrong.fatal else None,
            reason=wrong.reason,
            message=f"revision {rolled.desired} does not become ready: {wrong.message}{_serves(rolled)}",
        )
    return Condition(
        READY,
        status=None,
        reason="RollingOut",
        message=f"revision {rolled.desired} is starting, {count.summary} replicas are ready{_serves(rolled)}",
    )


def _alone(rolled: Rolled, wrong: Trouble | None) -> Condition:
    count = replicas(rolled.deployments.get(rolled.active))
    if rolled.bed.asleep and not count.wanted:
        return Condition(
            READY,
            status=True,
            reason=ASLEEP,
            message=f"revision {rolled.active} sleeps, for nobody called it; the next call wakes it and is answered",
        )
    if count.ready:
        return Condition(
            READY,
            status=True,
            reason="Serving",
            message=f"revision {rolled.active} serves with {count.summary} replicas",
        )
    if wrong:
        return Condition(
            READY, status=False if wrong.fatal else None, reason=wrong.reason, message=wrong.message
        )
    if rolled.bed.asleep:
        return Condition(
            READY,
            status=True,
            reason=WAKING,
            message=f"revision {rolled.active} was called and starts; calls wait for it",
        )
    return Condition(
        READY,
        status=None,
        reason="Starting",
        message=f"revision {rolled.active} is starting, {count.summary} replicas are ready",
    )


def fields(seen: Observed, rolled: Rolled) -> dict[str, Any]:
    """The rest of the status."""
    count = replicas(rolled.deployments.get(rolled.active))
    found: dict[str, Any] = {
        "urls": urls(seen.triggers),
        "replicas": {"desired": count.wanted, "ready": count.ready, "summary": count.summary},
    }
    if rolled.active:
        found["revision"] = rolled.active
    if rolled.desired:
        found["latestRevision"] = rolled.desired
        if commit := rolled.specs[rolled.desired].commit:
            found["commit"] = commit
    if rolled.pins:
        found["pinnedRevisions"] = sorted(rolled.pins)[:PINNED_SHOWN]
    return found


def urls(triggers: Iterable[Manifest]) -> list[str]:
    """Where the function answers, sorted."""
    found = {(trigger.get("status") or {}).get("url") for trigger in triggers}
    return sorted(url for url in found if url)[:64]
