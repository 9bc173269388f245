"""The ports to policy sets: where they are kept, who compiles them, who signs what OPA gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from funkhaus.domain.policy_set import Activation, PolicySet
    from funkhaus.domain.question import Question
    from funkhaus.domain.verdict import Finding


class Policies(Protocol):
    """Sets and their activations, within a transaction across tenants; nothing is ever changed or deleted."""

    async def add(self, policies: PolicySet) -> None:
        """Keep a set under its revision; one that is there already stays."""

    async def find(self, revision: str) -> PolicySet:
        """A set; raises `NotFoundError`."""

    async def activate(self, activation: Activation) -> Activation:
        """Put a revision that is kept in force; the same with its sequence. One at a time, in the order they commit."""

    async def active(self) -> Activation | None:
        """The latest activation; ``None`` before the first."""

    async def held(self) -> Activation | None:
        """Likewise, and nobody else activates until this transaction's end."""

    async def history(self, *, before: int = 0, limit: int = 100) -> Sequence[Activation]:
        """Activations, latest first; with `before` those below that sequence."""


class PolicyCompiler(Protocol):
    """Tries a set out before anybody is judged by it."""

    async def objections(self, policies: PolicySet) -> Sequence[Finding]:
        """Why it does not compile, or which of its tests fail; raises `UnavailableError`, `TimedOutError`."""


class PolicyTrial(Protocol):
    """Asks a set that nobody has put in force."""

    def question(self, question: Question) -> str:
        """The document the policy engine would get, as JSON."""

    async def findings(
        self, policies: PolicySet, questions: Sequence[str]
    ) -> Sequence[tuple[Finding, ...]]:
        """What the set finds in each question (JSON), in order.

        Raises `InvalidError` for rules that break or are silent, `UnavailableError`, `TimedOutError`.
        """


class BundleSigner(Protocol):
    """Vouches for what OPA gets."""

    def sign(self, claims: Mapping[str, object]) -> str:
        """A JWS over the claims; the same claims give the same text."""
