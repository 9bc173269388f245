"""Where a list goes on: behind the last entry of the page before, by what the list is ordered by.

Nothing is counted and nothing skipped: an entry that comes or goes between two pages moves no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.verdict import Finding


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """A place in a list by age: an instant, and an id for those of the same instant. As text ``<RFC 3339> <uuid>``."""

    at: datetime
    id: UUID

    def __str__(self) -> str:
        return f"{self.at.isoformat()} {self.id}"

    @classmethod
    def of(cls, at: datetime, key: str) -> Moment:
        """The place of an entry."""
        return cls(at, UUID(key))

    @classmethod
    def parse(cls, text: str) -> Moment | None:
        """The place a text names, ``None`` for none; raises `InvalidError` for what no page said."""
        if not text:
            return None
        at, _, key = text.partition(" ")
        try:
            found = cls(datetime.fromisoformat(at), UUID(key))
        except ValueError as error:
            raise unplaced() from error
        if found.at.tzinfo is None:
            raise unplaced()
        return found


def unplaced() -> InvalidError:
    """The refusal of a place that no earlier page named."""
    return InvalidError.at(
        Finding("query-value", "is not what an earlier page said", "continue"),
    )
