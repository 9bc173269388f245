"""What a judgement says: findings, and the verdict they add up to.

Every refusal in the product, whoever makes it, is a list of findings. A finding names the rule (`code`), the place
(`path`), the limit, the value and the smallest change that passes, so that kubectl, REST, the CLI and the web page can
say the same words.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from funkhaus.domain.approval import ApproverRule


class Outcome(StrEnum):
    """What a finding asks for, from the gravest down."""

    DENY = "deny"
    REQUIRE_APPROVAL = "require_approval"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Finding:
    """One objection or remark.

    `code` is stable and unique to the rule (``cpu-above-ceiling``). `path` is a JSONPath-like field path below the
    object (``spec.resources.cpu``). `limit`, `value` and `passes` are JSON scalars or lists of them: the limit in
    force, what was asked, and what would pass; ``None`` where the rule has no such thing.
    """

    code: str
    message: str
    path: str = ""
    outcome: Outcome = Outcome.DENY
    limit: Any = None
    value: Any = None
    passes: Any = None

    def as_json(self) -> dict[str, Any]:
        """The finding as the JSON object every door shows; absent facts are left out."""
        document = {
            "code": self.code,
            "outcome": self.outcome.value,
            "message": self.message,
            "path": self.path,
            "limit": self.limit,
            "value": self.value,
            "passes": self.passes,
        }
        return {key: value for key, value in document.items() if value is not None}

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> Finding:
        """The finding `as_json` wrote; raises `ValueError` or `KeyError` for anything else."""
        return cls(
            code=str(document["code"]),
            message=str(document["message"]),
            path=str(document.get("path", "")),
            outcome=Outcome(document["outcome"]),
            limit=document.get("limit"),
            value=document.get("value"),
            passes=document.get("passes"),
        )

    @property
    def sentence(self) -> str:
        """``path: message``, the line a person reads."""
        return f"{self.path}: {self.message}" if self.path else self.message


@dataclass(frozen=True, slots=True)
class Verdict:
    """All findings of one judgement; no finding silences another.

    `decision_id` and `revision` come from the policy engine and go into the audit row; both are empty when the
    judgement never reached it. `asked` is the document it was asked with, for who keeps decisions.
    """

    findings: tuple[Finding, ...] = ()
    decision_id: str = ""
    revision: str = ""
    approvers: ApproverRule | None = None
    """Who may approve what it asks approval for; ``None``: whoever may where no rule says otherwise."""
    asked: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def of(self, outcome: Outcome) -> tuple[Finding, ...]:
        """The findings with one outcome, in a stable order."""
        return tuple(finding for finding in self.findings if finding.outcome is outcome)

    @property
    def denied(self) -> bool:
        """Whether anything refuses."""
        return bool(self.of(Outcome.DENY))

    @property
    def asking_nothing(self) -> Verdict:
        """The same without what asks for an approval: of an object whose spec asks for nothing new."""
        others = [item for item in self.findings if item.outcome is not Outcome.REQUIRE_APPROVAL]
        return replace(self, findings=tuple(others))

    @property
    def asking(self) -> tuple[Finding, ...]:
        """What asks for an approval."""
        return self.of(Outcome.REQUIRE_APPROVAL)

    @property
    def needs_approval(self) -> bool:
        """Whether, nothing refusing, somebody has to say yes first."""
        return not self.denied and bool(self.of(Outcome.REQUIRE_APPROVAL))
