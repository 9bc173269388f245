"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right: the file and perhaps the line or the field, and the sentence about it."""

    file: str
    message: str
    line: int = 0
    field: str = ""
    limit: Any = None
    value: Any = None
    passes: Any = None

    @property
    def place(self) -> str:
        """``file:line``, or ``file field``."""
        line = f":{self.line}" if self.line else ""
        return f"{self.file}{line} {self.field}".strip()

    def as_json(self) -> dict[str, Any]:
        """For programs; absent facts are left out."""
        document = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in document.items() if value not in (None, "", 0)}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a check: its name, what it measured in one sentence, and what is to be put right."""

    name: str
    said: str = ""
    problems: tuple[Problem, ...] = ()
    remarks: tuple[Problem, ...] = ()
    """What programs get to see though the step passes."""
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether nothing is to be put right."""
        return not self.problems
