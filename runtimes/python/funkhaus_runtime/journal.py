"""The runtime's own log: one JSON object a line on stdout, beside whatever the function prints.

Lines about calls are gathered for a moment and written together; everything else is written at once, after them.
One write never exceeds what a pipe takes whole, so lines of several processes can't end up inside each other.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

from funkhaus_runtime.clock import timestamp

if TYPE_CHECKING:
    import asyncio

_ATOMIC = 4096
"""PIPE_BUF on Linux: writes up to here are not interleaved with another process's."""
_DELAY = 0.05
"""Seconds a line about a call may wait for company."""
_encode = json.encoder.encode_basestring_ascii


class Journal:
    """Writes lines to a file descriptor; with a loop, gathers those about calls."""

    def __init__(self, function: str, fd: int = 1) -> None:
        self._fd = fd
        self._function = _encode(function)
        self._waiting: list[str] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """From here on `call` lines are gathered and written by this loop."""
        self._loop = loop

    def call(self, call_id: str, method: str, path: str, status: int, seconds: float) -> None:
        """The access line of one finished call."""
        line = (
            f'{{"time":"{timestamp()}","level":"info","event":"call","function":{self._function},'
            f'"call_id":{_encode(call_id)},"method":{_encode(method)},"path":{_encode(path)},'
            f'"status":{status},"ms":{seconds * 1000:.2f}}}\n'
        )
        waiting = self._waiting
        waiting.append(line)
        if self._loop is None:
            self.flush()
        elif len(waiting) == 1:
            self._loop.call_later(_DELAY, self.flush)

    def write(self, level: str, event: str, **fields: object) -> None:
        """One line of its own, written before this returns; `fields` must be JSON's kinds or have a `str`."""
        self.flush()
        line = {
            "time": timestamp(),
            "level": level,
            "event": event,
            "function": json.loads(self._function),
            **fields,
        }
        self._emit(json.dumps(line, default=str, separators=(",", ":")).encode() + b"\n")

    def flush(self) -> None:
        """Write what waits."""
        waiting, self._waiting = self._waiting, []
        chunk: list[str] = []
        size = 0
        for line in waiting:  # ASCII only, so characters are bytes
            if size + len(line) > _ATOMIC and chunk:
                self._emit("".join(chunk).encode("ascii"))
                chunk, size = [], 0
            chunk.append(line)
            size += len(line)
        if chunk:
            self._emit("".join(chunk).encode("ascii"))

    def _emit(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._fd, view) :]
            except (
                BlockingIOError
            ):  # someone made the shared stdout non-blocking: wait rather than lose a line
                time.sleep(0.001)
            except OSError:  # nobody reads any more: the log is gone, the calls need not be
                return
