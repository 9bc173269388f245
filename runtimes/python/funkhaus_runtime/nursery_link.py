"""The server's end of the nursery: starts it, waits until the function is loaded, orders workers and their ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
from typing import TYPE_CHECKING, Any, Protocol

from funkhaus_runtime.loading import LoadError

if TYPE_CHECKING:
    from funkhaus_runtime.nursery_start import Begun

_PACKET = 65_536
_FAREWELL = 2.0
"""Seconds the nursery and its workers have to end by themselves when the server does."""


class Mourner(Protocol):
    """Who wants to know how workers end."""

    def worker_exited(self, number: int, status: int | None, why: str) -> None:
        """Worker `number` ended: its exit code, negative for a signal, or None and `why` it never began."""

    def nursery_lost(self) -> None:
        """The nursery itself ended; no worker can be started any more."""


class NurseryLink:
    """A running nursery process."""

    def __init__(self, begun: Begun) -> None:
        """Take over one that has begun; needs no event loop yet."""
        self._sock, self._pid = begun
        self._status: int | None = None  # once it has ended and is buried
        self._mourner: Mourner | None = None

    async def loaded(self) -> dict[str, Any]:
        """Wait for the import; ``is_async`` and ``cold`` (the reason, or empty). Raises `LoadError`."""
        loop = asyncio.get_running_loop()
        self._sock.setblocking(False)
        data = await loop.sock_recv(self._sock, _PACKET)
        if not data:
            raise LoadError(
                f"importing the function ended its process ({ending(self._bury(wait=True) or 0)})"
            )
        message: dict[str, Any] = json.loads(data)
        if "unloadable" in message:
            raise LoadError(**message["unloadable"])
        loaded: dict[str, Any] = message["loaded"]
        return loaded

    def watch(self, mourner: Mourner) -> None:
        """From here on tell `mourner` of every worker's end."""
        self._mourner = mourner
        self._sock.setblocking(True)
        asyncio.get_running_loop().add_reader(self._sock, self._hear)

    def spawn(self, number: int, sock: socket.socket, dump: int) -> None:
        """Order a worker with this end of a stream socket and this file for its last words."""
        with contextlib.suppress(OSError):  # its end is heard of separately
            socket.send_fds(
                self._sock, [json.dumps({"spawn": number}).encode()], [sock.fileno(), dump]
            )

    def kill(self, number: int, sign: signal.Signals) -> None:
        """Send a worker a signal, if it still lives."""
        with contextlib.suppress(OSError):
            self._sock.send(json.dumps({"kill": number, "signal": sign}).encode())

    async def close(self) -> None:
        """Let the nursery and idle workers end, and make them if they don't."""
        if self._mourner is not None:
            self._mourner = None
            asyncio.get_running_loop().remove_reader(self._sock)
        self._sock.close()
        for _ in range(int(_FAREWELL / 0.02)):
            if self._bury() is not None:
                return
            await asyncio.sleep(0.02)
        os.kill(self._pid, signal.SIGKILL)  # not reaped yet, so the number is still its own
        self._bury(wait=True)

    def _bury(self, *, wait: bool = False) -> int | None:
        """Its exit status, negative for a signal, or `None` while it lives."""
        if self._status is None:
            pid, status = os.waitpid(self._pid, 0 if wait else os.WNOHANG)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
        return self._status

    def _hear(self) -> None:
        try:
            data = self._sock.recv(_PACKET, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        mourner = self._mourner
        if mourner is None:
            return
        if not data:
            asyncio.get_running_loop().remove_reader(self._sock)
            mourner.nursery_lost()
            return
        message = json.loads(data)
        mourner.worker_exited(message["exited"], message["status"], message.get("why", ""))


def ending(status: int) -> str:
    """An exit status in words."""
    if status >= 0:
        return f"exit code {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"
