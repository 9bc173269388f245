"""`FakeDecider`: the policy engine's twin in memory, with one rule and the defaults of one plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.domain.function import Function
from funkhaus.domain.quantity import millicores
from funkhaus.domain.question import Default, Question
from funkhaus.domain.trigger import CronJobTrigger
from funkhaus.domain.verdict import Finding, Verdict

if TYPE_CHECKING:
    from funkhaus.domain.errors import UnavailableError

REVISION = "sha256:fake"


class FakeDecider:
    """Refuses more than one core. Set `error` to make it fail, `findings` to add to what it says."""

    def __init__(self) -> None:
        self.asked: list[Question] = []
        self.error: UnavailableError | None = None
        self.findings: tuple[Finding, ...] = ()

    async def decide(self, question: Question) -> Verdict:
        """A verdict by that rule, and `findings`."""
        await self.ready()
        self.asked.append(question)
        return Verdict((*self._cpu(question), *self.findings), "decision-1", REVISION)

    async def defaults(self, question: Question) -> tuple[Default, ...]:
        """Amounts for a function, a host for a trigger."""
        await self.ready()
        subject = question.subject
        if isinstance(subject, Function):
            return (
                Default(("spec", "resources", "cpu"), "250m"),
                Default(("spec", "resources", "memory"), "128Mi"),
            )
        if isinstance(subject, CronJobTrigger):
            return ()
        host = f"{subject.spec.function}.{question.facts.host_suffixes[0]}"
        return (Default(("spec", "host"), host),)

    async def ready(self) -> str:
        """A revision, unless it is to fail."""
        if self.error:
            raise self.error
        return REVISION

    def _cpu(self, question: Question) -> tuple[Finding, ...]:
        subject = question.subject
        cpu = subject.spec.resources.cpu if isinstance(subject, Function) else "1"
        if (millicores(cpu) or 0) <= 1000:
            return ()
        message = f'cpu "{cpu}" is above the plan small\'s ceiling of 1; at most 1 passes'
        return (
            Finding(
                "cpu-above-ceiling", message, "spec.resources.cpu", limit="1", value=cpu, passes="1"
            ),
        )
