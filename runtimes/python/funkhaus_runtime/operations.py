"""The port of those who run functions: health and metrics. No trigger leads here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus_runtime.metrics import MEDIA_TYPE
from funkhaus_runtime.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from funkhaus_runtime.incoming import Incoming
    from funkhaus_runtime.metrics import Metrics

BODY_LIMIT = 1024
"""Bytes of a request's body: none is read."""
_TEXT = (("Content-Type", "text/plain; charset=utf-8"),)
_METHODS = frozenset({"GET", "HEAD"})


def handler(metrics: Metrics, state: Callable[[], str]) -> Callable[[Incoming], Awaitable[Reply]]:
    """`/healthz` and `/readyz` answer 200 while `state` is empty and 503 with it otherwise; `/livez` always 200.

    `/healthz` means "send calls": it is what all three probes ask, and a replica that drains is no longer probed for
    life.
    """

    def ready() -> Reply:
        why = state()
        return _say(503 if why else 200, why or "OK")

    def alive() -> Reply:
        return _say(200, "OK")

    def exposition() -> Reply:
        return Reply(200, (("Content-Type", MEDIA_TYPE),), metrics.text().encode())

    found = {b"/healthz": ready, b"/readyz": ready, b"/livez": alive, b"/metrics": exposition}

    async def handle(request: Incoming) -> Reply:
        answer = found.get(request.head.target.partition(b"?")[0])
        if answer is None:
            return _say(404, f"{', '.join(path.decode() for path in found)} are answered here")
        if request.head.method not in _METHODS:
            return _say(405, "GET and HEAD would pass", ("Allow", "GET, HEAD"))
        return answer()

    return handle


def _say(status: int, words: str, *more: tuple[str, str]) -> Reply:
    return Reply(status, (*_TEXT, *more), words.encode())
