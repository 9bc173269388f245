"""`def` handlers: each call runs in one of a few persistent worker processes, and an overrun one is replaced.

Workers are started as calls need them, up to the limit, and the one that rested least goes first, so that a quiet
function keeps few of them warm.
"""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING

from funkhaus_runtime import cgroup, problems, wire
from funkhaus_runtime.call import Answer
from funkhaus_runtime.deadlines import Deadlines
from funkhaus_runtime.loading import LoadError
from funkhaus_runtime.metrics import count
from funkhaus_runtime.nursery_link import ending
from funkhaus_runtime.wire import Kind
from funkhaus_runtime.worker_link import WorkerLink

if TYPE_CHECKING:
    from collections.abc import Callable

    from funkhaus_runtime.call import Call
    from funkhaus_runtime.journal import Journal
    from funkhaus_runtime.metrics import Metrics
    from funkhaus_runtime.nursery_link import NurseryLink
    from funkhaus_runtime.problems import CallError
    from funkhaus_runtime.settings import Settings
    from funkhaus_runtime.wire import Reply

_START = 120.0
"""Seconds a worker may take until it has the handler."""
_INSIST = 0.5
"""Seconds an aborted worker may take to write its stacks before it is killed."""
_FAREWELL = 2.0
"""Seconds a worker that has closed its socket may take to end by itself."""
_HEADERS_ROOM = 1024 * 1024
"""Bytes a reply may have beside the answer's body."""
_headers = lru_cache(maxsize=256)(wire.unpack_headers)


class WorkerPool:
    """The workers of one function; `broken` is called once if no more can be made."""

    def __init__(
        self,
        settings: Settings,
        limit: int,
        nursery: NurseryLink,
        journal: Journal,
        metrics: Metrics,
        broken: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._limit = limit
        self._nursery = nursery
        self._journal = journal
        self._metrics = metrics
        self._broken = broken
        self._loop = asyncio.get_running_loop()
        self._calls: Deadlines[WorkerLink] = Deadlines(self._loop, settings.timeout, self._overrun)
        self._starts: Deadlines[WorkerLink] = Deadlines(self._loop, _START, self._start_overrun)
        self._workers: dict[int, WorkerLink] = {}
        self._idle: list[WorkerLink] = []
        self._waiting: deque[asyncio.Future[WorkerLink]] = deque()
        self._spawned = 0
        self._lost = False
        self._oom_kills = cgroup.oom_kills()
        self._load_error: LoadError | None = None

    def __len__(self) -> int:
        """How many workers serve or are about to."""
        return sum(not link.doomed for link in self._workers.values())

    async def start(self) -> None:
        """Bring up the first worker; raises `LoadError` if it has no handler."""
        self._nursery.watch(self)
        try:
            self._offer(await self._next())
        except problems.CallError:
            raise self._load_error or LoadError(
                "the first worker ended before it had the function"
            ) from None

    async def run(
        self, call: Call, body: bytes, _transport: asyncio.BaseTransport | None
    ) -> Answer:
        """Have a worker answer; raises `CallError`."""
        link = self._idle.pop() if self._idle else await self._next()
        link.call_id = call.id
        link.waiter = waiter = self._loop.create_future()
        self._calls.start(link)
        link.send(wire.pack_request(call, body))
        try:
            kind, status, head, content = await waiter
        except asyncio.CancelledError:
            self._doom(link, "cancelled", signal.SIGKILL)
            raise
        if kind == Kind.ANSWER:
            return Answer(status, _headers(head), content)
        text = head.decode("utf-8", "replace")
        if kind == Kind.BAD_BODY:
            raise problems.bad_body(text)
        if kind == Kind.UNANSWERABLE:
            raise problems.unanswerable(text)
        raise problems.raised(text, content.decode("utf-8", "replace"))

    async def close(self) -> None:
        """End all workers."""
        for link in self._workers.values():
            link.doomed = link.doomed or "closed"
            link.close()
        await self._nursery.close()

    def worker_exited(self, number: int, status: int | None, why: str) -> None:
        """The nursery has buried a worker: tell its caller, log how it went, replace it."""
        link = self._workers.pop(number, None)
        if link is None:
            return
        link.drain()  # its last reply may still lie in the socket
        link.close()
        self._calls.stop(link)
        self._starts.stop(link)
        stack = _python_stack(link.last_words())
        reason = link.doomed or self._unexpected(status)
        if reason == "timeout":
            self._journal.write("error", "function_timeout", call_id=link.call_id,
                                timeout=self._settings.timeout, stack=stack)  # fmt: skip
        elif not link.doomed:
            self._report(link, reason, why or ending(status or 0), stack)
        if reason != "closed":
            count(self._metrics.replaced, reason)
        if link in self._idle:
            self._idle.remove(link)
        if link.waiter and not link.waiter.done():
            link.waiter.set_exception(problems.died())
        if not link.doomed:
            link.doomed = reason
            if link.ready:
                self._spawn()
            else:
                self._fail_one(problems.died())

    def nursery_lost(self) -> None:
        """The nursery has died: nothing can be replaced any more."""
        self._lost = True
        self._journal.write(
            "error", "nursery_lost", reason="the process that starts workers has ended"
        )
        while self._waiting:
            self._fail_one(problems.died())
        self._broken()

    async def _next(self) -> WorkerLink:
        if self._lost:
            raise problems.died()
        if len(self) < self._limit:
            self._spawn()
        turn: asyncio.Future[WorkerLink] = self._loop.create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._offer(turn.result())
            raise

    def _spawn(self) -> None:
        self._spawned += 1
        limit = self._settings.answer_limit + _HEADERS_ROOM
        link = WorkerLink(self._spawned, limit, self._loop, self._replied, self._went_silent)
        self._workers[link.number] = link
        self._starts.start(link)
        self._nursery.spawn(link.number, link.theirs, link.dump)
        link.theirs.close()

    def _offer(self, link: WorkerLink) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(link)
                return
        self._idle.append(link)

    def _replied(self, link: WorkerLink, reply: Reply) -> None:
        waiter = link.waiter
        if reply.kind == Kind.READY and not link.ready:
            link.ready = True
            self._starts.stop(link)
            self._offer(link)
        elif reply.kind == Kind.UNLOADABLE and not link.ready:
            trace = reply.body.decode("utf-8", "replace")
            self._load_error = LoadError(reply.head.decode("utf-8", "replace"), trace)
            self._journal.write(
                "error", "function_unloadable", reason=self._load_error.reason, traceback=trace
            )
            self._doom(link, "unloadable")
            self._fail_one(problems.unloadable())
        elif waiter is None or waiter.done():
            self._doom(link, "talked out of turn", signal.SIGKILL)
        else:
            link.waiter = None
            self._calls.stop(link)
            waiter.set_result(reply)
            if reply.kind == Kind.EXITED:
                self._doom(link, "exited")
            else:
                self._offer(link)

    def _went_silent(self, link: WorkerLink) -> None:
        """It closed its socket: it has died, or is about to; if it does neither, make it."""
        if link in self._idle:
            self._idle.remove(link)
        self._loop.call_later(_FAREWELL, self._nursery.kill, link.number, signal.SIGKILL)

    def _overrun(self, link: WorkerLink) -> None:
        self._metrics.timeouts += 1
        if link.waiter and not link.waiter.done():
            link.waiter.set_exception(problems.overrun(self._settings.timeout))
        self._doom(link, "timeout", signal.SIGABRT)

    def _start_overrun(self, link: WorkerLink) -> None:
        self._journal.write(
            "error", "worker_start_timeout", reason=f"a worker had no handler after {_START:g} s"
        )
        self._doom(link, "start timeout", signal.SIGABRT)
        self._fail_one(problems.died())

    def _doom(self, link: WorkerLink, reason: str, sign: signal.Signals | None = None) -> None:
        """Take it out of service; one that worked is replaced at once."""
        if link.doomed:
            return
        link.doomed = reason
        self._calls.stop(link)
        self._starts.stop(link)
        if link in self._idle:
            self._idle.remove(link)
        if sign is not None:
            self._nursery.kill(link.number, sign)
        self._loop.call_later(
            _INSIST if sign is not None else _FAREWELL,
            self._nursery.kill,
            link.number,
            signal.SIGKILL,
        )
        if link.ready and not self._lost:
            self._spawn()

    def _fail_one(self, error: CallError) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(error)
                return

    def _unexpected(self, status: int | None) -> str:
        before, self._oom_kills = self._oom_kills, cgroup.oom_kills()
        killed = status == -signal.SIGKILL
        if (
            killed
            and before is not None
            and self._oom_kills is not None
            and self._oom_kills > before
        ):
            return "out_of_memory"
        return "died"

    def _report(self, link: WorkerLink, reason: str, how: str, stack: list[str]) -> None:
        words = f"the worker process of this call ended: {how}"
        if reason == "out_of_memory":
            words = f"the worker process went over the memory limit {self._settings.memory_limit} and was {how}"
        self._journal.write("error", "worker_died", call_id=link.call_id if link.waiter else None, reason=words,
                            memory_limit=self._settings.memory_limit, stack=stack)  # fmt: skip


def _python_stack(words: str) -> list[str]:
    """The frames of the user's code in what faulthandler wrote, innermost first; threads follow each other."""
    lines = [line.strip() for line in words.splitlines()]
    return [line for line in lines if line.startswith("File ") and "/funkhaus_runtime/" not in line
            and '"<string>"' not in line and '"<frozen runpy>"' not in line]  # fmt: skip
