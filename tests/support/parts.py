"""A part of the platform as a process of its own, which a test ends, holds still and starts again."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

START_SECONDS = 60


def is_well(url: str) -> bool:
    """Whether 200 is answered there."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


class Part:
    """Runs `argv`, with what it says in `log`; it is there once `ready` says so.

    `options` are those of `subprocess.Popen`.
    """

    def __init__(
        self, argv: Sequence[Any], log: Path, ready: Callable[[], bool], **options: Any
    ) -> None:
        self._argv, self._log, self._ready, self._options = argv, log, ready, options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        assert self._process
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it is ready."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._argv,
                stdout=log,
                stderr=subprocess.STDOUT,
                **self._options,
            )
        self.until_ready()

    def until_ready(self) -> None:
        """Wait until it is, or say why not."""
        assert self._process
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if self._ready():
                return
            time.sleep(0.05)
        raise AssertionError(f"it did not become ready:\n{self._log.read_text()[-3000:]}")

    def kill(self) -> None:
        """End it, with everything it started, as a power cut would."""
        process, self._process = self._process, None
        if process is None:
            return
        _signal(family(process.pid), signal.SIGKILL)
        process.wait(10)

    @contextmanager
    def held(self) -> Iterator[None]:
        """It is there and does nothing: connections are accepted by the kernel, and nobody answers."""
        held = family(self.pid)
        _signal(held, signal.SIGSTOP)
        try:
            yield
        finally:
            _signal(held, signal.SIGCONT)


def family(pid: int) -> list[int]:
    """A process and those it started, and they in turn; itself first, so that it starts no more once it is held.

    Not its process group: Postgres makes one for each of its own.
    """
    parents: dict[int, list[int]] = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended since it was listed
            parent = int(place.read_text().rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(place.parent.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # it ended by itself
            os.kill(pid, number)
