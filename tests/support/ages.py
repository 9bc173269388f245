"""Lists by age without a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from funkhaus.domain.keyset import Moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime


class Named(Protocol):
    """Something with an id."""

    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=Named)


def newest(
    items: Iterable[T], age: Callable[[T], datetime], after: Moment | None, limit: int
) -> list[T]:
    """`limit` of them, the newest first, those older than `after`."""
    return [item for place, item in reversed(_by_age(items, age)) if not after or place < after][
        :limit
    ]


def oldest(
    items: Iterable[T], age: Callable[[T], datetime], after: Moment | None, limit: int
) -> list[T]:
    """`limit` of them, the oldest first, those younger than `after`."""
    return [item for place, item in _by_age(items, age) if not after or place > after][:limit]


def _by_age(items: Iterable[T], age: Callable[[T], datetime]) -> list[tuple[Moment, T]]:
    placed = [(Moment.of(age(item), item.id), item) for item in items]
    return sorted(placed, key=lambda pair: pair[0])
