"""The decision log: written beside the reviews, never in their way, and kept for so long and so many.

What a review pays is one element of a list. A database that does not answer, or a flood, costs the oldest entries, which
are counted; a review waits for none of it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from funkhaus import logs
from funkhaus.domain.decision import Decision, outcome_of
from funkhaus.domain.errors import FunkhausError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from funkhaus.domain.question import Question
    from funkhaus.domain.verdict import Verdict
    from funkhaus.ports import Clock, Stores
    from funkhaus.services.reviews import Review

BUFFER = 2000
"""Decisions that wait to be written; some seconds of a busy webhook, some 16 MiB."""
BATCH = 100
"""Of one transaction."""
PAUSE = 0.25
"""Seconds between two looks at what waits."""
AT_ONCE = 10
"""Decisions put into words before others get the processor: about a millisecond."""
CLOSE_SECONDS = 2.0
"""For writing what waits when the process ends."""
ROUND = 2000
"""Rows deleted in one go."""
TRIM_EVERY = timedelta(minutes=1)
_LOG = logs.logger(__name__)


def unkept(_decision: Decision) -> None:
    """What the controller asks once more is no decision on a review."""


def decided(review: Review, question: Question, verdict: Verdict, at: datetime) -> Decision:
    """What was answered to a review."""
    facts = question.facts
    return Decision(
        id=verdict.decision_id,
        revision=verdict.revision,
        tenant=facts.tenant,
        namespace=facts.namespace,
        kind=review.kind.name,
        name=question.subject.name,
        review=review.uid,
        subject=review.requester,
        operation=review.operation.value,
        outcome=outcome_of(verdict),
        findings=verdict.findings,
        at=at,
        dry_run=review.dry_run,
        asked=verdict.asked,
    )


class DecisionLog:
    """The buffer of one process. `lost` and `written` are told how many are."""

    def __init__(
        self,
        stores: Stores,
        *,
        lost: Callable[[int], None],
        written: Callable[[int], None],
        buffer: int = BUFFER,
        batch: int = BATCH,
    ) -> None:
        self._stores, self._buffer, self._batch = stores, buffer, batch
        self._lost, self._written = lost, written
        self._waiting: deque[Decision] = deque()

    def note(self, decision: Decision) -> None:
        """Keep a decision to be written; the oldest that waits is lost where there is no room."""
        if len(self._waiting) >= self._buffer:
            self._waiting.popleft()
            self._lost(1)
        self._waiting.append(decision)

    async def keep(self) -> None:
        """Write what comes in, until cancelled."""
        while True:
            await asyncio.sleep(PAUSE)
            await self.flush()

    async def close(self) -> None:
        """Write what waits, within `CLOSE_SECONDS`; the rest is lost and counted."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.flush()
        except TimeoutError:
            _LOG.warning("decisions not written in time", lost=len(self._waiting))
        self._lost(len(self._waiting))
        self._waiting.clear()

    async def flush(self) -> None:
        """Write batch after batch; what the database does not take now waits on, what it refuses is lost."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(self._batch, len(self._waiting)))]
            try:
                await self._write(batch)
            except FunkhausError as error:
                self._back(batch)
                _LOG.warning(
                    "decisions not written", waiting=len(self._waiting), error=error.message
                )
                return
            except asyncio.CancelledError:
                self._back(batch)
                raise
            except Exception:  # noqa: BLE001 - a bug must not end the log; these are lost, and counted
                _LOG.exception("decisions can't be written", lost=len(batch))
                self._lost(len(batch))

    async def _write(self, batch: Sequence[Decision]) -> None:
        sealed = []
        for decision in batch:
            sealed.append(decision.sealed())
            if len(sealed) % AT_ONCE == 0:
                await asyncio.sleep(0)
        async with self._stores.begin_platform() as work:
            await work.decisions.add(sealed)
        self._written(len(sealed))

    def _back(self, batch: Sequence[Decision]) -> None:
        """Put what was not written before what came in meanwhile, as far as there is room: the oldest are lost."""
        room = max(0, self._buffer - len(self._waiting))
        kept = batch[max(0, len(batch) - room) :] if room else []
        self._waiting.extendleft(reversed(kept))
        self._lost(len(batch) - len(kept))


@dataclass(frozen=True, slots=True)
class Kept:
    """How long decisions are kept, and how many of a tenant."""

    days: int = 30
    per_tenant: int = 20_000


class DecisionRetention:
    """Forgets decisions that are too old or too many. Several processes may do so at once."""

    def __init__(self, stores: Stores, clock: Clock, kept: Kept) -> None:
        self._stores, self._clock, self._kept = stores, clock, kept
        self._trimmed_at = clock.now() - TRIM_EVERY

    async def round(self) -> int:
        """Forget some; how many. Counting takes the database a while and is done once a minute."""
        now = self._clock.now()
        async with self._stores.begin_platform() as work:
            gone = await work.decisions.forget(now - timedelta(days=self._kept.days), limit=ROUND)
        if now - self._trimmed_at >= TRIM_EVERY:
            self._trimmed_at = now
            async with self._stores.begin_platform() as work:
                gone += await work.decisions.trim(self._kept.per_tenant, limit=ROUND)
        return gone
