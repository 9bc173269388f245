"""When a function goes to sleep, and what has to be true before it does. Pure.

Awake, its Service has its pods alone. To sleep it *dozes* first: the waker joins the Service, so that every proxy knows
it before the pods end. Then it is *asleep*: no replica, and the waker alone. When a call woke it and a pod is ready, the
waker leaves. Each step is decided by what is seen, so that a restart between two of them changes nothing but the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SETTLE = 3.0
"""Seconds between the waker's joining a Service and the end of its pods: several times what proxies take to hear of it."""
FIRST_LOOK, LONGEST_LOOK = 1.0, 30.0
"""Seconds between looks at a function's calls, at least and at most."""


class Phase(StrEnum):
    """How far a function has gone; written on what makes the waker part of its Service."""

    DOZING = "dozing"
    ASLEEP = "asleep"


class Step(StrEnum):
    """What is to be done now."""

    STAY = "stay"
    DOZE = "doze"
    """Have the waker join the Service."""
    SLEEP = "sleep"
    """Write down that it sleeps, then end its replicas."""
    RISE = "rise"
    """Have the waker leave the Service."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What is seen of a function that serves. Times are seconds; `idle` is ``None`` where nobody can say."""

    allowed: bool
    """Its spec says so and somebody is there who would wake it."""
    settled: bool
    """No other revision is on its way."""
    replicas: int
    ready: int
    phase: Phase | None = None
    phase_for: float = 0.0
    idle: float | None = None


def step(sight: Sight, limit: float) -> tuple[Step, float | None]:
    """What to do, and in how many seconds to look again at the latest (``None``: something happens before)."""
    if sight.phase is Phase.ASLEEP:
        if sight.replicas and sight.ready:
            return Step.RISE, _pause(0.0, limit) if sight.allowed else None
        return Step.STAY, None
    tired = sight.allowed and sight.settled and sight.ready > 0
    unused = tired and sight.idle is not None and sight.idle >= limit
    if sight.phase is Phase.DOZING:
        return _dozing(sight, limit, unused=unused)
    if unused:
        return Step.DOZE, SETTLE
    return Step.STAY, _pause(sight.idle or 0.0, limit) if tired else None


def _dozing(sight: Sight, limit: float, *, unused: bool) -> tuple[Step, float | None]:
    left = SETTLE - sight.phase_for
    if not unused:
        return Step.RISE, _pause(0.0, limit) if sight.allowed else None
    return (Step.STAY, left) if left > 0 else (Step.SLEEP, None)


def _pause(idle: float, limit: float) -> float:
    """A quarter of the time, so that a call's moment is known well enough, and never past the end."""
    often = min(max(limit / 4, FIRST_LOOK), LONGEST_LOOK)
    return max(min(often, limit - idle), FIRST_LOOK)
