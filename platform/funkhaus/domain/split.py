"""A trigger that shares its calls out between revisions of its function: what is known of them, what runs for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from funkhaus.domain.quota import of_pinned
from funkhaus.domain.trigger import Pin

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from funkhaus.domain.function import RevisionSpec
    from funkhaus.domain.quota import Amounts

LINGER = timedelta(seconds=15)
"""How long a revision goes on after the last call was led to it: proxies learn of that, calls in flight end."""
SETTLE = timedelta(seconds=3)
"""Between two steps of a change of shares: several times what proxies take to hear of one."""
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Split:
    """The revisions that a trigger names and its function keeps, by name; `replicas` is the function's `scaling.max`.

    `kept` are the names there are to choose from, looked up where one that is named is not among them.
    """

    revisions: Mapping[str, RevisionSpec] = field(default_factory=dict)
    replicas: int = 0
    kept: tuple[str, ...] = ()

    def charge(self, count: int) -> Amounts:
        """What the trigger is charged beside itself, at so many replicas of each."""
        return of_pinned((item.resources for item in self.revisions.values()), count)

    def promised(self, pins: Iterable[Pin]) -> int:
        """How many replicas of each the trigger is charged already: what its pins say, and the function's most without."""
        known = {pin.revision: pin.replicas for pin in pins}
        if not self.revisions or any(name not in known for name in self.revisions):
            return self.replicas
        return min(self.replicas, *(known[name] for name in self.revisions))


NO_SPLIT = Split()


def pinned(
    before: Iterable[Pin], named: Mapping[str, int], led: frozenset[str], now: datetime
) -> tuple[Pin, ...]:
    """What runs for a trigger from now on, by name: the revisions it names with their replicas, what it leads to still
    (`led`), and for `LINGER` what it led to before.
    """
    found = {name: Pin(name, count) for name, count in named.items()}
    for pin in before:
        if pin.revision in found:
            continue
        if pin.revision in led:
            found[pin.revision] = Pin(pin.revision, pin.replicas)
        elif not pin.until:
            found[pin.revision] = Pin(pin.revision, pin.replicas, (now + LINGER).strftime(_TIME))
        elif seconds_left(pin, now):
            found[pin.revision] = pin
    return tuple(found[name] for name in sorted(found))


def seconds_left(pin: Pin, now: datetime) -> float | None:
    """For how long a pin holds; 0.0 for one that is over, ``None`` for one without an end."""
    if not pin.until:
        return None
    until = datetime.strptime(pin.until, _TIME).replace(tzinfo=UTC)
    return max(0.0, (until - now).total_seconds())


def together(pins: Iterable[Pin], now: datetime) -> dict[str, Pin]:
    """Of several triggers' pins one for each revision: the most replicas, the latest end; those that are over are gone."""
    found: dict[str, Pin] = {}
    for pin in pins:
        if seconds_left(pin, now) == 0.0:
            continue
        other = found.get(pin.revision, pin)
        until = max(pin.until, other.until) if pin.until and other.until else ""
        found[pin.revision] = Pin(pin.revision, max(pin.replicas, other.replicas), until)
    return found


def shifted(
    live: Mapping[str, int], wanted: Mapping[str, int], *, settled: bool
) -> tuple[Mapping[str, int], bool]:
    """The next step from the shares there are to those that are wanted, and whether it is the last; empty `live`: none are.

    A proxy may hear of a route before it hears of where that leads, and of the end of a place before it hears that
    nothing leads there. So what is new comes with a share of nothing first, and what goes has one last; each step waits
    until the one before has `settled`.
    """
    if not live or live == wanted:
        return wanted, True
    new = {name: 0 for name in wanted if name not in live}
    if new:
        return {**live, **new}, False
    if not settled:
        return live, False
    going = {name: 0 for name in live if name not in wanted}
    faded = {**wanted, **going}
    return (wanted, True) if live == faded else (faded, not going)
