"""The policy engine's verdicts on reviews, one for both of kube-apiserver's questions about a request.

It has the webhook mutate an object and, a moment later, validate it. Both times the house rules judge the same object:
the mutating review refuses what would be refused, so that nobody is refused by kube-apiserver's own policies first, which
lie between the two, name one rule only and leave no row in the audit. What lets an object in there is remembered for the
validating review. It is used once, for exactly the same question, and not for long: another replica, another author, a
changed fact or a second ask has the engine judge again.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from funkhaus.domain.question import Question
    from funkhaus.domain.verdict import Verdict
    from funkhaus.ports import Clock, Decider

LASTS = timedelta(seconds=2)
"""How long a verdict is remembered: kube-apiserver's second question comes milliseconds after the first."""
REMEMBERED = 64
"""Verdicts at most; a question holds an object, so that these are some MiB at worst."""


@dataclass(frozen=True, slots=True)
class Given:
    """A verdict, the question it answers, and when it was asked (aware)."""

    question: Question
    verdict: Verdict
    at: datetime


class Verdicts:
    """Belongs to one event loop."""

    def __init__(self, decider: Decider, clock: Clock) -> None:
        self._decider, self._clock = decider, clock
        self._given: OrderedDict[tuple[str, ...], Given] = OrderedDict()

    async def first(self, question: Question) -> Given:
        """The engine's, remembered for `second` unless it refuses; raises as `Decider.decide` does."""
        given = await self._ask(question)
        if not given.verdict.denied:
            self._given[_about(question)] = given
            self._given.move_to_end(_about(question))
            if len(self._given) > REMEMBERED:
                self._given.popitem(last=False)
        return given

    async def second(self, question: Question) -> Given:
        """The one remembered of the same question, or else the engine's; raises as `Decider.decide` does."""
        given = self._given.pop(_about(question), None)
        if given and self._is_fresh(given) and _timeless(given.question) == _timeless(question):
            return given
        return await self._ask(question)

    async def _ask(self, question: Question) -> Given:
        at = question.change.at or self._clock.now()
        return Given(question, await self._decider.decide(question), at)

    def _is_fresh(self, given: Given) -> bool:
        return timedelta() <= self._clock.now() - given.at <= LASTS


def _about(question: Question) -> tuple[str, ...]:
    subject, facts = question.subject, question.facts
    return (type(subject).__name__, facts.tenant, facts.namespace, subject.name)


def _timeless(question: Question) -> Question:
    return replace(question, change=replace(question.change, at=None))
