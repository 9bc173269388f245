"""The nursery: a small process without an event loop that imports the function once and forks the workers from itself.

So workers share the imported code's memory, start in a millisecond, and can be killed one by one. Where the import
left something that two processes must not share, such as an open connection or a thread, the nursery begins anew
without importing, and every worker imports for itself ("cold").

Messages are JSON, one a packet. From the server: ``{"spawn": id}`` with the worker's socket and dump file attached,
``{"kill": id, "signal": n}``. To the server: ``{"loaded": …}`` or ``{"unloadable": …}`` once, then
``{"exited": id, "status": code}`` for every worker, a signal as a negative code.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import resource
import select
import signal
import socket
import stat
import sys
import threading
from pathlib import Path
from typing import Any

from funkhaus_runtime import output, worker
from funkhaus_runtime.loading import Handler, LoadError, load
from funkhaus_runtime.nursery_start import command
from funkhaus_runtime.settings import Settings

_PACKET = 65_536
_SET_CHILD_SUBREAPER = 36
"""Of prctl(2)."""


def main(arguments: list[str]) -> None:
    """Run the nursery as a program: its end of the socket by number, the settings, and why not to import, or nothing."""
    number, fields, cold = arguments
    run(socket.socket(fileno=int(number)), Settings(**json.loads(fields)), cold)


def run(control: socket.socket, settings: Settings, cold: str = "") -> None:
    """Run the nursery until the server closes its end."""
    control.set_inheritable(False)
    ctypes.CDLL(None).prctl(
        _SET_CHILD_SUBREAPER, 1, 0, 0, 0
    )  # what workers leave behind is buried here
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    output.install()
    handler = None if cold else _import(control, settings)
    _say(control, {"loaded": {"is_async": bool(handler and handler.is_async), "cold": cold}})
    Nursery(control, handler, settings).run()


def _import(control: socket.socket, settings: Settings) -> Handler:
    """The handler, fit to be shared by fork; begins anew, cold, where it isn't."""
    before = {number for number, _ in _open_files()}
    try:
        handler = load(settings)
    except LoadError as error:
        _say(control, {"unloadable": {"reason": error.reason, "trace": error.trace}})
        raise SystemExit(0) from None
    if not handler.is_async and (cold := _unshareable(before)):
        output.end_lines()
        control.set_inheritable(True)
        os.execv(sys.executable, command(control.fileno(), settings, cold))  # noqa: S606 - this very program
    return handler


def _unshareable(before: set[int]) -> str:
    """What the import left that workers must not share, in words; empty if nothing."""
    if threading.active_count() > 1:
        return f"it started the thread {threading.enumerate()[-1].name!r}"
    for number, info in _open_files():
        if (
            number not in before
            and not stat.S_ISCHR(info.st_mode)
            and not stat.S_ISDIR(info.st_mode)
        ):
            if stat.S_ISREG(info.st_mode) and _read_only(number):
                continue
            with contextlib.suppress(OSError):
                return f"it holds {Path(f'/proc/self/fd/{number}').readlink()} open"
    return ""


def _open_files() -> list[tuple[int, os.stat_result]]:
    found = []
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the one that listed them is closed by now
            found.append((int(path.name), os.fstat(int(path.name))))
    return found


def _read_only(number: int) -> bool:
    flags = (
        Path(f"/proc/self/fdinfo/{number}")
        .read_text(encoding="ascii")
        .split("flags:")[1]
        .split()[0]
    )
    return int(flags, 8) & os.O_ACCMODE == os.O_RDONLY


def _say(control: socket.socket, message: dict[str, Any]) -> None:
    with contextlib.suppress(
        OSError
    ):  # a server that is gone is noticed where its messages are read
        control.send(json.dumps(message).encode())


class Nursery:
    """Forks workers as told, and reports every one's end."""

    def __init__(self, control: socket.socket, handler: Handler | None, settings: Settings) -> None:
        self._control = control
        self._handler = handler
        self._settings = settings
        self._workers: dict[int, int] = {}  # pid -> the server's id for it
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self) -> None:
        """Serve the server. Ends with all workers killed when it closes its end or dies."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the server decides when it is over
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        gc.collect()
        gc.freeze()  # so that collecting in a worker doesn't copy what it shares
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._wake_read, select.POLLIN)
        while True:
            ready = {number for number, _ in poll.poll()}
            if self._wake_read in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_read, _PACKET)
                self._bury()
            if self._control.fileno() in ready and not self._obey():
                break
        for pid in self._workers:
            _kill_group(pid)

    def _obey(self) -> bool:
        data, files, _, _ = socket.recv_fds(self._control, _PACKET, 2)
        if not data:
            return False
        message = json.loads(data)
        if "spawn" in message:
            self._spawn(message["spawn"], socket.socket(fileno=files[0]), files[1])
        else:
            for pid, number in self._workers.items():
                if number == message["kill"]:  # not reaped yet, so the pid is still this worker's
                    os.kill(pid, message["signal"])
        return True

    def _spawn(self, number: int, sock: socket.socket, dump: int) -> None:
        try:
            pid = os.fork()
        except OSError as error:  # the pod's limit of processes or memory
            _say(
                self._control,
                {"exited": number, "status": None, "why": f"it could not be forked: {error}"},
            )
            pid = -1
        if pid < 0:
            sock.close()
            os.close(dump)
            return
        if pid:
            with contextlib.suppress(OSError):  # the child does it too; whoever is first
                os.setpgid(pid, pid)
            self._workers[pid] = number
            sock.close()
            os.close(dump)
            return
        os.setpgid(0, 0)  # so that what the function starts can be killed with it
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._control.close()
        os.close(self._wake_read)
        os.close(self._wake_write)
        worker.run(sock, dump, self._handler, self._settings)
        sock.close()  # before the interpreter's own farewell, which may wait for the function's threads
        raise SystemExit(0)

    def _bury(self) -> None:
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None:
                return
            if found.si_pid in self._workers:
                _kill_group(found.si_pid)  # while the dead leader still holds the group's number
            _, status = os.waitpid(found.si_pid, 0)
            number = self._workers.pop(found.si_pid, None)
            if number is not None:
                _say(self._control, {"exited": number, "status": os.waitstatus_to_exitcode(status)})


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
