"""The calls' port: from an HTTP request to the function and back."""

from __future__ import annotations

import asyncio
import re
from random import getrandbits
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from funkhaus_runtime import problems
from funkhaus_runtime.call import Call
from funkhaus_runtime.incoming import BodyBrokenError, BodyTooLongError
from funkhaus_runtime.metrics import METHODS, count
from funkhaus_runtime.problems import CallError
from funkhaus_runtime.reply import Reply

if TYPE_CHECKING:
    from funkhaus_runtime.call import Answer
    from funkhaus_runtime.gate import Gate
    from funkhaus_runtime.incoming import Incoming
    from funkhaus_runtime.journal import Journal
    from funkhaus_runtime.metrics import Metrics
    from funkhaus_runtime.settings import Settings

_ALLOWED = ", ".join(METHODS)
_is_call_id = re.compile(r"[!-~]{1,128}").fullmatch
_BODIES = 4
"""How many bodies of the largest size may be held in memory at once."""


class Runner(Protocol):
    """What runs the function."""

    async def run(self, call: Call, body: bytes, transport: asyncio.BaseTransport | None) -> Answer:
        """The function's answer; raises `CallError`."""


class Front:
    """Answers requests with what the function answers."""

    def __init__(
        self, settings: Settings, gate: Gate, runner: Runner, journal: Journal, metrics: Metrics
    ) -> None:
        self._settings = settings
        self._gate = gate
        self._runner = runner
        self._journal = journal
        self._metrics = metrics
        self._room = settings.body_limit * _BODIES
        self.closing = False
        """Whether responses ask callers to open a new connection, elsewhere."""

    async def handle(self, request: Incoming) -> Reply:
        """One call, whatever becomes of it."""
        began = perf_counter()
        head = request.head
        event_id = request.header(b"event-id")
        call_id = event_id if event_id and _is_call_id(event_id) else f"{getrandbits(96):024x}"
        room = 0
        try:
            room = self._reserve(request)
            status, headers, body = await self._answer(request, call_id, event_id)
        except CallError as error:
            problem = error.problem
            status, body = problem.status, problem.body(call_id)
            headers = (("Content-Type", problems.MEDIA_TYPE), *problem.headers.items())
            if error.event:
                self._journal.write("error", error.event, call_id=call_id, **error.log)
        finally:
            self._room += room
        path = _text(head.target).partition("?")[0]  # a query may hold what is nobody's business
        self._journal.call(call_id, head.method, path, status, perf_counter() - began)
        return Reply(status, headers, body, call_id, last=self.closing)

    def _reserve(self, request: Incoming) -> int:
        """Bytes set aside for the body until the call has ended; raises where it is, or all together are, too large."""
        if not request.has_body:
            return 0
        limit = self._settings.body_limit
        declared = request.content_length
        room = limit if declared is None else declared
        try:
            if room > limit:
                raise problems.too_large(limit, declared)
            if room > self._room:
                raise problems.busy("The bodies of other calls fill the memory set aside for them.")
        except CallError as error:
            count(self._metrics.rejected, error.problem.code)
            raise
        self._room -= room
        return room

    async def _answer(self, request: Incoming, call_id: str, event_id: str | None) -> Answer:
        head = request.head
        calls = self._metrics.calls.get(head.method)
        try:
            if calls is None:
                raise problems.no_such_method(head.method, _ALLOWED)
            body = await self._body(request) if request.has_body else b""
            if not self._gate.enter():
                await self._gate.wait()
        except CallError as error:
            count(self._metrics.rejected, error.problem.code)
            raise
        call = Call(
            call_id,
            head.method,
            _text(head.target),
            f"HTTP/{head.version}",
            request.remote,
            request.header(b"content-type") or "",
            event_id,
            request.header(b"event-type"),
            request.header(b"event-time"),
            request.header(b"event-namespace"),
            head.headers,
        )
        began = perf_counter()
        failed = True
        try:
            answer = await self._runner.run(call, body, request.transport)
            failed = False
        except CallError as error:
            failed = error.problem.status != 400  # noqa: PLR2004 - a body that is no JSON is the caller's failure
            raise
        finally:
            self._gate.leave()
            calls.finished(perf_counter() - began, failed=failed)
        return answer

    async def _body(self, request: Incoming) -> bytes:
        """The whole body; a declared length has been checked."""
        try:
            if request.complete:  # it came along with the head
                return await request.body()
            async with asyncio.timeout(self._settings.timeout):
                return await request.body()
        except TimeoutError:
            raise problems.late_body(self._settings.timeout) from None
        except BodyTooLongError:  # in chunks, so that no length was declared
            raise problems.too_large(self._settings.body_limit, None) from None
        except BodyBrokenError as error:
            raise problems.bad_body(str(error)) from None


def _text(target: bytes) -> str:
    return target.decode("utf-8", "surrogateescape")
