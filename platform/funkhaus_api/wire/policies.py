"""Policy sets on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from funkhaus.domain.policy_set import HOUSE, REASON_LIMIT, PolicySet
from funkhaus_api.wire.reading import Body

if TYPE_CHECKING:
    from funkhaus.domain.policy_set import Activation


class NewActivation(Body):
    """A set to put in force: its files, or a revision that is kept (``previous``: the one before)."""

    files: dict[str, str] = Field(default_factory=dict)
    revision: str = Field(default="", max_length=80)
    reason: str = Field(min_length=1, max_length=REASON_LIMIT)

    @model_validator(mode="after")
    def one_of_two(self) -> Self:
        """Refuse both, and neither."""
        if bool(self.files) == bool(self.revision):
            raise ValueError("give either files or a revision")
        return self

    def policies(self) -> PolicySet:
        """As the domain has it."""
        return PolicySet(self.files)


def activation(item: Activation) -> dict[str, Any]:
    """Which revision, since when, by whom and why."""
    return {
        "sequence": item.sequence,
        "revision": item.revision,
        "at": item.at.isoformat(),
        "by": item.by,
        "byTheHouse": item.by == HOUSE,
        "reason": item.reason,
    }
