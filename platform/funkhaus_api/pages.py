"""Lists in pages: `limit` and `continue` in the query, `items` and `next` in the body, ``Link: rel="next"`` beside it.

Every list route begins with ``page = Page.of(request)`` and ends with one of

* ``page.answer(items, after)``: the store paged it; `after` is the position of the next page, "" for none;
* ``page.cut(found, key, show)``: all of a bounded list is at hand; `key` is what it is ordered by, unique.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from funkhaus_api.keys import SUBJECT, services
from funkhaus_api.places import LIMIT, LIMIT_DEFAULT, answer
from funkhaus_api.wire.reading import Query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from aiohttp import web

PAGING = ("limit", "continue")
T = TypeVar("T")


class Page:
    """One page asked for: `limit` items after the position `after` ("" for the beginning)."""

    def __init__(self, request: web.Request, query: Query) -> None:
        self._request = request
        self.query = query
        self.limit = query.whole("limit", LIMIT_DEFAULT, most=LIMIT)
        given = services(request)
        self._cursors, self._now = given.cursors, given.clock.now()
        text = query.text("continue")
        self.after = self._cursors.open(text, self._scope(), self._now) if text else ""

    @classmethod
    def of(cls, request: web.Request, *filters: str) -> Page:
        """What the query asks for; `filters` are the list's own parameters. Raises `InvalidError`, `CursorError`."""
        return cls(request, Query(request, [*PAGING, *filters]))

    def _scope(self) -> list[str]:
        """What a cursor is bound to: the path, the filters, and what the asker can see."""
        request, subject = self._request, self._request[SUBJECT]
        filters = sorted(
            f"{key}={value}" for key, value in request.query.items() if key not in PAGING
        )
        sight = ["*"] if subject.is_admin else sorted(subject.roles)
        return [request.path, *filters, "\0", *sight]

    def answer(self, items: Sequence[Any], after: str) -> web.Response:
        """The page; `after` is the position the next one begins behind, "" on the last."""
        cursor = self._cursors.seal(after, self._scope(), self._now) if after else ""
        response = answer({"items": items, "next": cursor})
        if cursor:
            url = self._request.rel_url.update_query({"limit": self.limit, "continue": cursor})
            response.headers["Link"] = f'<{url}>; rel="next"'
        return response

    def cut(
        self,
        found: Iterable[T],
        key: Callable[[T], str],
        show: Callable[[T], Any],
        *,
        descending: bool = False,
    ) -> web.Response:
        """The page out of a whole, bounded list, ordered by `key`."""
        whole = sorted(
            ((key(item), item) for item in found), key=lambda pair: pair[0], reverse=descending
        )
        if self.after:
            whole = [
                pair
                for pair in whole
                if (pair[0] < self.after) == descending and pair[0] != self.after
            ]
        here = whole[: self.limit]
        return self.answer(
            [show(item) for _, item in here], here[-1][0] if len(whole) > self.limit else ""
        )
