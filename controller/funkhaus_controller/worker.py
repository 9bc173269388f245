"""Working through the agenda: several at a time, one per object, and a bad one never stops another."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from funkhaus import logs, metrics
from funkhaus_controller import schedule
from funkhaus_controller.agenda import Agenda
from funkhaus_controller.outcome import of_error, of_result

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from funkhaus.services.materialisation import Next
    from funkhaus_controller.agenda import Key
    from funkhaus_controller.outcome import Outcome

    Reconcile = Callable[[str, str], Awaitable[Next]]

WORKERS = 16
_LOG = logs.logger(__name__)


class Worker:
    """Takes what is due and calls the `reconcile` of its kind."""

    def __init__(self, reconcilers: Mapping[str, Reconcile], *, workers: int = WORKERS) -> None:
        self._reconcilers, self._workers = reconcilers, workers
        self._agenda, self._wake = Agenda(), asyncio.Event()
        self._stopping = False

    def add(self, key: Key, after: float = 0.0) -> None:
        """Have an object looked at in so many seconds."""
        if key.kind in self._reconcilers:
            self._agenda.add(key, self._now() + after)
            self._wake.set()

    async def run(self) -> None:
        """Until cancelled, or told to `drain`."""
        async with asyncio.TaskGroup() as group:
            gauges = group.create_task(self._gauges())
            places = asyncio.Semaphore(self._workers)
            running: set[asyncio.Task[None]] = set()
            while not self._stopping:
                await places.acquire()
                key = await self._next()
                if key is None:
                    break
                task = group.create_task(self._work(key, places))
                running.add(task)
                task.add_done_callback(running.discard)
            gauges.cancel()
            _, left = await asyncio.wait(running, timeout=schedule.DRAIN) if running else ((), ())
            for task in left:
                task.cancel()

    def drain(self) -> None:
        """Take nothing new; `run` ends when what runs has ended."""
        self._stopping = True
        self._wake.set()

    async def _next(self) -> Key | None:
        """The next object that is due; ``None`` when there is to be none."""
        while not self._stopping:
            key = self._agenda.take(self._now())
            if key:
                return key
            self._wake.clear()
            at = self._agenda.next_at()
            try:
                async with asyncio.timeout(None if at is None else max(0.0, at - self._now())):
                    await self._wake.wait()
            except TimeoutError:
                continue
        return None

    async def _work(self, key: Key, places: asyncio.Semaphore) -> None:
        started = self._now()
        try:
            outcome = await self._reconcile(key)
        except asyncio.CancelledError:
            self._agenda.done(key, self._now())
            raise
        finally:
            places.release()
        if outcome.failed:
            pause = self._agenda.failed(key, self._now(), random.uniform(0.8, 1.2))  # noqa: S311 - spreads retries
            _LOG.info("tried again later", key=str(key), outcome=outcome.label, seconds=pause)
        else:
            again = None if outcome.after is None else self._now() + outcome.after
            self._agenda.done(key, again)
        self._wake.set()
        metrics.RECONCILES.labels(key.kind, outcome.label).inc()
        metrics.RECONCILE_SECONDS.labels(key.kind).observe(self._now() - started)

    async def _reconcile(self, key: Key) -> Outcome:
        try:
            async with asyncio.timeout(schedule.RECONCILE):
                return of_result(await self._reconcilers[key.kind](key.namespace, key.name))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one object, the others go on
            outcome = of_error(error)
            if outcome.crash:
                _LOG.exception("reconciliation crashed", key=str(key))
            else:
                _LOG.warning("reconciliation failed", key=str(key), error=str(error))
            return outcome

    async def _gauges(self) -> None:
        while True:
            metrics.RECONCILES_DUE.set(self._agenda.due(self._now()))
            await asyncio.sleep(schedule.GAUGES)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
