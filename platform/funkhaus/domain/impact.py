"""What a change of the rules would do: the findings before and after, of one object, and what they add up to. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from funkhaus.domain.decision import ALLOWED, outcome_of
from funkhaus.domain.verdict import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from funkhaus.domain.verdict import Finding

SHOWN = 500
"""Changes a report lists; the rest is counted."""
FINDINGS_SHOWN = 10
"""Findings of one change."""
OBJECTS_LIMIT = 100_000
"""Objects a report keeps apart; what comes after them is counted without its name."""
_GRAVITY = {
    ALLOWED: 0,
    Outcome.WARN.value: 1,
    Outcome.REQUIRE_APPROVAL.value: 2,
    Outcome.DENY.value: 3,
}


class Effect(StrEnum):
    """What becomes of a request, from the gravest down."""

    DENIED = "denied"
    HELD = "held"
    WARNED = "warned"
    FREED = "freed"


_WORSE = {
    Outcome.DENY.value: Effect.DENIED,
    Outcome.REQUIRE_APPROVAL.value: Effect.HELD,
    Outcome.WARN.value: Effect.WARNED,
}
_ORDER = {effect: number for number, effect in enumerate(Effect)}


@dataclass(frozen=True, slots=True)
class Shift:
    """What changes for one request: from one outcome to another, and the findings that say why.

    Those are the new ones; of what is freed, those that are gone.
    """

    effect: Effect
    before: str
    after: str
    findings: tuple[Finding, ...]


def shift(before: Sequence[Finding], after: Sequence[Finding]) -> Shift | None:
    """How a request fares with other rules; ``None`` where it fares the same.

    A refusal for another reason is none, nor is one reason more. A new warning beside an old one is.
    """
    was, will = (outcome_of(Verdict(tuple(findings))) for findings in (before, after))
    if _GRAVITY[will] < _GRAVITY[was]:
        gone = _without(before, after, was)
        return Shift(Effect.FREED, was, will, gone)
    worse = _GRAVITY[will] > _GRAVITY[was]
    new = _without(after, before, will)
    if worse or (will == Outcome.WARN.value and new):
        return Shift(_WORSE[will], was, will, new)
    return None


def _without(
    findings: Sequence[Finding], others: Sequence[Finding], outcome: str
) -> tuple[Finding, ...]:
    known = {(item.code, item.path, item.outcome) for item in others}
    return tuple(
        item
        for item in findings
        if item.outcome.value == outcome and (item.code, item.path, item.outcome) not in known
    )[:FINDINGS_SHOWN]


@dataclass(frozen=True, slots=True)
class Subject:
    """An object of a tenant; `namespace` is the tenant's own name for it."""

    tenant: str
    namespace: str
    kind: str
    name: str


@dataclass(slots=True)
class Change:
    """What happens to one object: how many requests of the past, the latest when, and whether to the object as it lives."""

    subject: Subject
    shift: Shift
    requests: int = 0
    live: bool = False
    last: datetime | None = None


@dataclass(slots=True)
class Count:
    """How many requests and living objects."""

    requests: int = 0
    live: int = 0


@dataclass(slots=True)
class Impact:
    """A report that is filled request by request. `replayed` and `judged` are the requests and living objects looked at;
    `unread` those without a question that could be asked again, `more` whether there are requests nobody looked at.
    """

    revision: str
    active: str
    since: datetime
    replayed: int = 0
    judged: int = 0
    unread: int = 0
    more: bool = False
    counts: dict[Effect, Count] = field(default_factory=lambda: {one: Count() for one in Effect})
    _changes: dict[tuple[Subject, Effect], Change] = field(default_factory=dict)
    _nameless: int = 0

    def request(
        self, subject: Subject, at: datetime, before: Sequence[Finding], after: Sequence[Finding]
    ) -> None:
        """Count a request of the past."""
        self.replayed += 1
        if (moved := shift(before, after)) is None:
            return
        self.counts[moved.effect].requests += 1
        if (change := self._change(subject, moved)) is None:
            return
        change.requests += 1
        if change.last is None or at >= change.last:
            change.last, change.shift = at, moved

    def object(self, subject: Subject, before: Sequence[Finding], after: Sequence[Finding]) -> None:
        """Count an object as it lives."""
        self.judged += 1
        if (moved := shift(before, after)) is None:
            return
        self.counts[moved.effect].live += 1
        if (change := self._change(subject, moved)) is not None:
            change.live = True

    def _change(self, subject: Subject, moved: Shift) -> Change | None:
        key = (subject, moved.effect)
        if key not in self._changes and len(self._changes) >= OBJECTS_LIMIT:
            self._nameless += 1
            return None
        return self._changes.setdefault(key, Change(subject, moved))

    @property
    def changes(self) -> list[Change]:
        """The gravest first, then by tenant and object; `SHOWN` at most."""
        ordered = sorted(
            self._changes.values(),
            key=lambda one: (
                _ORDER[one.shift.effect],
                *(one.subject.tenant, one.subject.namespace, one.subject.kind, one.subject.name),
            ),
        )
        return ordered[:SHOWN]

    @property
    def cut(self) -> int:
        """Changes that are counted and not listed."""
        return max(0, len(self._changes) - SHOWN) + self._nameless

    @property
    def refuses(self) -> bool:
        """Whether anything would newly be refused or held."""
        worse = (self.counts[Effect.DENIED], self.counts[Effect.HELD])
        return any(count.requests or count.live for count in worse)
