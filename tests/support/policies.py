"""Policy sets without a database, a compiler without `opa`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from funkhaus.domain.errors import NotFoundError
from funkhaus.policy import inputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.domain.policy_set import Activation, PolicySet
    from funkhaus.domain.question import Question
    from funkhaus.domain.verdict import Finding


@dataclass
class Shelf:
    """All sets and activations."""

    sets: dict[str, PolicySet] = field(default_factory=dict)
    activations: list[Activation] = field(default_factory=list)

    def copy(self) -> Shelf:
        return Shelf(dict(self.sets), list(self.activations))


class MemoryPolicies:
    """`Policies`."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    async def add(self, policies: PolicySet) -> None:
        self._shelf.sets.setdefault(policies.revision, policies)

    async def find(self, revision: str) -> PolicySet:
        if revision not in self._shelf.sets:
            raise NotFoundError(f"there is no policy revision {revision!r}")
        return self._shelf.sets[revision]

    async def activate(self, activation: Activation) -> Activation:
        await self.find(activation.revision)
        done = replace(activation, sequence=len(self._shelf.activations) + 1)
        self._shelf.activations.append(done)
        return done

    async def active(self) -> Activation | None:
        return self._shelf.activations[-1] if self._shelf.activations else None

    async def held(self) -> Activation | None:
        return await self.active()

    async def history(self, *, before: int = 0, limit: int = 100) -> Sequence[Activation]:
        found = [item for item in self._shelf.activations if not before or item.sequence < before]
        return found[::-1][:limit]


class FakeCompiler:
    """Objects to what it is told to."""

    def __init__(self) -> None:
        self.says: tuple[Finding, ...] = ()
        self.tried: list[PolicySet] = []

    async def objections(self, policies: PolicySet) -> Sequence[Finding]:
        self.tried.append(policies)
        return self.says


class FakeTrial:
    """Finds what it is told to, by revision and the name of the object."""

    def __init__(self) -> None:
        self.finds: dict[tuple[str, str], tuple[Finding, ...]] = {}
        self.asked: list[tuple[str, int]] = []

    def question(self, question: Question) -> str:
        return json.dumps(inputs.document(question))

    async def findings(
        self, policies: PolicySet, questions: Sequence[str]
    ) -> Sequence[tuple[Finding, ...]]:
        self.asked.append((policies.revision, len(questions)))
        names = [json.loads(question)["object"]["name"] for question in questions]
        return [self.finds.get((policies.revision, name), ()) for name in names]
