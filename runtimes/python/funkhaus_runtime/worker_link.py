"""The server's end of one worker: sends a call, gathers the reply, and knows when the worker has gone."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING

from funkhaus_runtime import wire

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from funkhaus_runtime.wire import Reply

_STACK_LIMIT = 16_384
"""Bytes of a worker's last words that are read."""
_buffer = bytearray(262_144)
"""What all links of the process read into, one after another: most replies are small, and then are copied just once."""
_window = memoryview(_buffer)


class WorkerLink:
    """One worker process, from the order to its burial."""

    def __init__(
        self,
        number: int,
        limit: int,
        loop: asyncio.AbstractEventLoop,
        on_reply: Callable[[WorkerLink, Reply], None],
        on_lost: Callable[[WorkerLink], None],
    ) -> None:
        """Make its socket and the file for its last words; `theirs` and `dump` go to the nursery.

        A reply of more than `limit` bytes, or more than one at a time, counts as a worker gone mad, and lost.
        """
        self.number = number
        self._limit = limit
        self.call_id = ""
        """Of the call it works on, or worked on last."""
        self.waiter: asyncio.Future[Reply] | None = None
        """Who waits for its reply."""
        self.ready = False
        """Whether it has the handler."""
        self.doomed = ""
        """Why it was told to end, if it was."""
        self.dump = os.memfd_create(f"worker-{number}")
        self.theirs: socket.socket
        self._sock, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sock.setblocking(False)
        self._fd = self._sock.fileno()
        self._loop = loop
        self._on_reply = on_reply
        self._on_lost = on_lost
        self._partial = bytearray()
        self._unsent = memoryview(b"")
        self._open = True
        loop.add_reader(self._fd, self._read)

    def send(self, frame: bytes) -> None:
        """Send one request; what the socket does not take at once follows as it drains."""
        try:
            sent = self._sock.send(frame)
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # it has died; reading notices
        if sent < len(frame):
            self._unsent = memoryview(frame)[sent:]
            self._loop.add_writer(self._fd, self._write)

    def drain(self) -> None:
        """Read what a worker that has ended left behind."""
        while self._open:
            before = len(self._partial)
            self._read()
            if len(self._partial) == before:
                return

    def close(self) -> None:
        """Let go of it: an idle worker then ends by itself."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
            self._sock.close()
            self.theirs.close()
            self._unsent = memoryview(b"")

    def last_words(self) -> str:
        """The stacks of its threads, if it crashed or was aborted; readable once, when it is dead."""
        with contextlib.suppress(OSError), os.fdopen(self.dump, "rb") as dump:
            dump.seek(0)
            return dump.read(_STACK_LIMIT).decode("utf-8", "replace")
        return ""

    def _write(self) -> None:
        try:
            self._unsent = self._unsent[self._sock.send(self._unsent) :]
        except BlockingIOError:
            return
        except OSError:
            self._unsent = memoryview(b"")
        if not self._unsent:
            self._loop.remove_writer(self._fd)

    def _read(self) -> None:
        try:
            count = self._sock.recv_into(_buffer)
        except BlockingIOError:
            return
        except OSError:
            count = 0
        if not count:
            self._lose()
        elif not self._partial and wire.reply_length(_window[:count]) == count:
            self._on_reply(self, wire.unpack_reply(_window[:count]))
        else:
            self._partial += _window[:count]
            length = wire.reply_length(self._partial)
            if length > self._limit or 0 < length < len(self._partial):
                self._lose()
            elif length == len(self._partial):
                whole, self._partial = self._partial, bytearray()
                self._on_reply(self, wire.unpack_reply(whole))

    def _lose(self) -> None:
        self.close()
        self._on_lost(self)
