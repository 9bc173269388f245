"""Pages of what a store lists in order: one entry more is read than shown, which says whether there is another page."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


def cut(found: Sequence[T], limit: int, place: Callable[[T], object]) -> tuple[Sequence[T], str]:
    """The first `limit` of `limit` + 1 entries, and the `place` the next page begins behind, "" when there is none."""
    page = found[:limit]
    return page, str(place(page[-1])) if len(found) > limit else ""
