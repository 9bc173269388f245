"""From settings to a serving process, and its orderly end. The one place that puts the runtime's parts together."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import traceback
from typing import TYPE_CHECKING

import uvloop

from funkhaus_runtime import output
from funkhaus_runtime.blockage import Blockage
from funkhaus_runtime.connection import Server
from funkhaus_runtime.front import Front
from funkhaus_runtime.gate import Gate
from funkhaus_runtime.loading import LoadError, load
from funkhaus_runtime.metrics import Metrics
from funkhaus_runtime.nursery_link import NurseryLink
from funkhaus_runtime.nursery_start import launch
from funkhaus_runtime.operations import BODY_LIMIT
from funkhaus_runtime.operations import handler as operations
from funkhaus_runtime.pool import WorkerPool
from funkhaus_runtime.settings import hide

if TYPE_CHECKING:
    from funkhaus_runtime.front import Runner
    from funkhaus_runtime.journal import Journal
    from funkhaus_runtime.loading import Handler
    from funkhaus_runtime.nursery_start import Begun
    from funkhaus_runtime.settings import Settings

SYNC_PLACES = 8
ASYNC_PLACES = 100
"""Calls at once where the platform doesn't say: a `def` handler takes a process for each, an `async def` one doesn't."""
_BACKLOG = 512
_LAST_WORDS = 1.0
"""Seconds responses on their way may take after the last call has ended."""
BROKEN = 70
"""Exit code when workers can't be started any more."""


def run(settings: Settings, journal: Journal, begun: Begun | None) -> int:
    """Serve until told to end, and return the exit code. Raises `LoadError` where the function can't be loaded.

    `begun` is the nursery that imports the function; `None` where it looks as if it belonged on this process's loop.
    """
    output.install()
    nursery = NurseryLink(begun) if begun else None
    handler = _load_here(settings) if nursery is None else None
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(Process(settings, journal).serve(nursery, handler))


def _load_here(settings: Settings) -> Handler:
    hide(os.environ)
    return load(settings)


class Process:
    """The serving process."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self._settings = settings
        self._journal = journal
        self._metrics = Metrics()
        self._pool: WorkerPool | None = None
        self._end = asyncio.Event()
        self._exit_code = 0
        self._state = "starting"

    async def serve(self, nursery: NurseryLink | None, handler: Handler | None) -> int:
        """Bring up both ports, wait for the end, drain."""
        loop = asyncio.get_running_loop()
        self._journal.attach(loop)
        log = logging.getLogger("asyncio")
        log.handlers, log.propagate = [_ToJournal(self._journal)], False
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, self._stop, sign.name)
        ops = Server(
            operations(self._metrics, lambda: self._state), self._failed, body_limit=BODY_LIMIT
        )
        ops_listener = await self._listen(ops, self._settings.ops_port)
        try:
            runner, places, how = await self._runner(nursery, handler)
            gate = Gate(places, self._settings.queue, self._settings.queue_timeout)
            self._gauges(gate)
            front = Front(self._settings, gate, runner, self._journal, self._metrics)
            server = Server(front.handle, self._failed, body_limit=self._settings.body_limit)
            listener = await self._listen(server, self._settings.port)
            self._state = ""
            self._journal.write(
                "info", "serving", port=self._settings.port, handler=how, concurrency=places
            )
            await self._end.wait()
            await self._drain(front, gate, listener, server)
        finally:
            if self._pool is not None:
                await self._pool.close()
            elif nursery:
                await nursery.close()
            ops_listener.close()
            await ops.close(_LAST_WORDS)
            self._journal.flush()
        return self._exit_code

    async def _listen(self, server: Server, port: int) -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(
            server, self._settings.host, port, backlog=_BACKLOG, reuse_address=True
        )

    def _failed(self, call_id: str, error: BaseException) -> None:
        """A defect of the runtime's own, told with its traceback."""
        self._journal.write(
            "error",
            "runtime_failed",
            call_id=call_id,
            traceback="".join(traceback.format_exception(error)),
        )

    async def _runner(
        self, nursery: NurseryLink | None, handler: Handler | None
    ) -> tuple[Runner, int, str]:
        settings = self._settings
        if handler is None and nursery is not None:
            loaded = await nursery.loaded()
            if loaded[
                "is_async"
            ]:  # it didn't look like it: a decorator, or another module's function
                await nursery.close()
                handler = _load_here(settings)
            elif loaded["cold"]:
                self._journal.write(
                    "warning", "cold_workers", reason=f"{loaded['cold']}; every worker imports anew"
                )
        if handler is not None and handler.is_async:
            places = settings.concurrency or ASYNC_PLACES
            Blockage(asyncio.get_running_loop(), self._journal).start()
            from funkhaus_runtime.on_loop import OnLoop  # noqa: PLC0415 - with it comes what a `def` function's workers load

            return OnLoop(settings, handler, self._journal, self._metrics), places, "async"
        if handler is not None or nursery is None:  # it looked async and isn't
            nursery = NurseryLink(launch(settings))
            await nursery.loaded()
        places = settings.concurrency or SYNC_PLACES
        self._pool = WorkerPool(
            settings, places, nursery, self._journal, self._metrics, self._broke
        )
        await self._pool.start()
        return self._pool, places, "sync"

    def _gauges(self, gate: Gate) -> None:
        gauges = self._metrics.gauges
        gauges["function_calls_in_flight"] = ("Calls that run now", lambda: gate.running)
        gauges["function_calls_queued"] = ("Calls that wait for a place", lambda: gate.waiting)
        gauges["function_concurrency"] = ("Calls that may run at once", lambda: gate.places)
        if (pool := self._pool) is not None:
            gauges["function_workers"] = ("Worker processes", lambda: len(pool))

    def _stop(self, why: str) -> None:
        if not self._state:
            self._journal.write("info", "draining", reason=why)
        self._state = "draining"
        self._end.set()

    def _broke(self) -> None:
        self._exit_code = BROKEN
        self._stop("no workers can be started any more")

    async def _drain(
        self, front: Front, gate: Gate, listener: asyncio.Server, server: Server
    ) -> None:
        """Go on accepting while the endpoints are withdrawn, then let running calls end within their time-out."""
        front.closing = True
        if not self._exit_code:
            await asyncio.sleep(self._settings.grace)
        listener.close()
        server.close_idle()
        try:
            async with asyncio.timeout(self._settings.timeout + self._settings.queue_timeout):
                await gate.emptied()
        except TimeoutError:
            self._journal.write(
                "warning", "drain_timeout", reason=f"{gate.running} calls had not ended"
            )
        await server.close(_LAST_WORDS)
        self._journal.write("info", "stopped")


class _ToJournal(logging.Handler):
    """What asyncio logs, in the journal's form."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(logging.WARNING)
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        """One record, its traceback included."""
        trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else None
        self._journal.write(
            record.levelname.lower(), "runtime", reason=record.getMessage(), traceback=trace
        )


__all__ = ["LoadError", "run"]
