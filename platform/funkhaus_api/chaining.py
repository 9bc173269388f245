"""The audit log's worker: rounds of the chainer, a short pause between them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from funkhaus.metrics import AUDIT_FAILURES, AUDIT_LAG, AUDIT_LINKED, AUDIT_SIGNED
from funkhaus_api.workers import Worker

if TYPE_CHECKING:
    from funkhaus.services.audit_chain import Chainer

PAUSE = 0.4
"""Seconds between rounds: with a round's own time, a row is linked within one."""
PAUSE_AFTER_FAILURE = 2.0


class _Rounds:
    """Rounds whose rest depends on what the last one left."""

    def __init__(self, chainer: Chainer) -> None:
        self._chainer, self._pause = chainer, PAUSE

    async def round(self) -> None:
        self._pause = PAUSE_AFTER_FAILURE
        try:
            done = await self._chainer.round()
        except Exception:
            AUDIT_FAILURES.inc()
            raise
        age = (datetime.now(UTC) - done.oldest).total_seconds() if done.oldest else 0.0
        AUDIT_LAG.set(max(0.0, age))
        AUDIT_LINKED.inc(done.linked)
        AUDIT_SIGNED.inc(done.signed)
        AUDIT_FAILURES.inc(done.failed)
        self._pause = 0.0 if done.more else PAUSE_AFTER_FAILURE if done.failed else PAUSE

    async def rest(self, _: float) -> None:
        await asyncio.sleep(self._pause)


def chaining(chainer: Chainer) -> Worker:
    """What is not linked now is linked in the next round, and seen in the gauge until then."""
    rounds = _Rounds(chainer)
    return Worker("link the audit log", rounds.round, PAUSE, rest=rounds.rest)
