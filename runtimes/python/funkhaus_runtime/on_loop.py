"""`async def` handlers: they run on the server's own event loop, each in its request's task, cancelled at the deadline.

A handler that blocks the loop blocks its neighbours, health checks included; `blockage` tells where.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import bottle

from funkhaus_runtime import answer, event, problems
from funkhaus_runtime.deadlines import Deadlines
from funkhaus_runtime.loading import trace
from funkhaus_runtime.output import end_lines

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from funkhaus_runtime.call import Answer, Call
    from funkhaus_runtime.journal import Journal
    from funkhaus_runtime.loading import Handler
    from funkhaus_runtime.metrics import Metrics
    from funkhaus_runtime.settings import Settings

_INSIST = 0.5
"""Seconds a cancelled handler may take to end before its caller is answered without it."""


class _Run:
    """A handler at work."""

    __slots__ = ("call_id", "overrun", "task", "transport", "work")

    def __init__(
        self,
        call_id: str,
        task: asyncio.Task[Any],
        work: Coroutine[Any, Any, Any],
        transport: asyncio.BaseTransport | None,
    ) -> None:
        self.call_id = call_id
        self.task = task
        self.work = work
        self.transport = transport
        self.overrun = False


class OnLoop:
    """Runs one function's handler on the running loop."""

    def __init__(
        self, settings: Settings, handler: Handler, journal: Journal, metrics: Metrics
    ) -> None:
        self._settings = settings
        self._handler = handler
        self._journal = journal
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._deadlines: Deadlines[_Run] = Deadlines(self._loop, settings.timeout, self._expire)

    async def run(self, call: Call, body: bytes, transport: asyncio.BaseTransport | None) -> Answer:
        """Have the handler answer; raises `CallError`. `transport` is used if the handler won't be cancelled."""
        try:
            given = event.build(call, body)
        except event.BadBodyError as error:
            raise problems.bad_body(str(error)) from None
        response = given["extensions"]["response"]
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a handler runs in a task")
        work = self._handler.run(given, dict(self._handler.context))
        run = _Run(call.id, task, work, transport)
        self._deadlines.start(run)
        try:
            return answer.build(await work, response, self._settings.answer_limit)
        except (
            bottle.HTTPResponse
        ) as raised:  # bottle.abort() and the like: an answer, not a failure
            return answer.build(raised, response, self._settings.answer_limit)
        except answer.AnswerError as error:
            raise problems.unanswerable(str(error)) from None
        except asyncio.CancelledError as error:
            if task.cancelling() and not run.overrun:
                raise  # the server is ending
            raise self._raised(error) from None
        except GeneratorExit:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever the user's code raises, sys.exit() included
            raise self._raised(error) from None
        finally:
            self._deadlines.stop(run)
            end_lines()
            if run.overrun:
                task.uncancel()
                raise problems.overrun(
                    self._settings.timeout
                )  # whatever came of it, it came too late

    def _raised(self, error: BaseException) -> problems.CallError:
        return problems.raised(type(error).__qualname__, trace(error, skip=__file__))

    def _expire(self, run: _Run) -> None:
        run.overrun = True
        self._metrics.timeouts += 1
        stack = _stack(run.work)
        self._journal.write("error", "function_timeout", call_id=run.call_id,
                            timeout=self._settings.timeout, stack=stack)  # fmt: skip
        run.task.cancel()
        self._loop.call_later(_INSIST, self._answer_without, run)

    def _answer_without(self, run: _Run) -> None:
        """The handler ignores its cancellation: its place stays taken, but its caller need not wait."""
        if run.task.done() or run.transport is None or run.transport.is_closing():
            return
        if _stack(run.work):
            problem = problems.overrun(self._settings.timeout).problem
            run.transport.write(problem.response(run.call_id))  # type: ignore[attr-defined]  # a TCP transport
            run.transport.close()


def _stack(work: Any) -> list[str]:  # noqa: ANN401 - a coroutine and whatever it awaits
    """Where a suspended coroutine is, innermost first."""
    found = []
    while work is not None:
        frame = getattr(work, "cr_frame", None) or getattr(work, "gi_frame", None)
        if frame is not None:
            code = frame.f_code
            found.append(f'File "{code.co_filename}", line {frame.f_lineno} in {code.co_name}')
        work = getattr(work, "cr_await", None) or getattr(work, "gi_yieldfrom", None)
    return found[::-1]
