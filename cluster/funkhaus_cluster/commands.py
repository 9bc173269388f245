"""Other programs, run for a step: logged, limited in time, and ended when the run is cancelled."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from funkhaus_cluster.errors import Cancelled, CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

POLL_SECONDS = 0.1
TAIL_LINES = 20


@dataclass
class Commands:
    """Runs programs; ``cancelled`` set from another thread ends what runs."""

    cancelled: threading.Event = field(default_factory=threading.Event)

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        log: Path,
        seconds: float,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
    ) -> None:
        """Run ``argv`` with its output appended to ``log``; ``env`` is added to the caller's environment.

        Raises ``CommandError`` when it fails or outlasts ``seconds``, ``Cancelled`` when the run ends first.
        """
        words = [str(word) for word in argv]
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            skip = output.tell()
            output.write(f"$ {repeatable(words, cwd=cwd, env=env)}\n".encode())
            output.flush()
            process = self._start(words, output=output.fileno(), cwd=cwd, env=env)
            try:
                feed = threading.Thread(target=_feed, args=(process, stdin), daemon=True)
                feed.start()
                self._wait(process, words, seconds=seconds, log=log, skip=skip)
            finally:
                _end(process)
        if process.returncode != 0:
            raise CommandError(
                f"{words[0]} ended with status {process.returncode}.",
                command=repeatable(words, cwd=cwd, env=env),
                log=log,
                skip=skip,
            )

    def output(self, argv: Sequence[str | Path], *, seconds: float = 30.0, stdin: str = "") -> str:
        """Run a short program and return what it printed.

        Raises ``CommandError`` with the first line of its complaint.
        """
        words = [str(word) for word in argv]
        try:
            done = subprocess.run(
                words, input=stdin, capture_output=True, text=True, timeout=seconds, check=False
            )
        except FileNotFoundError:
            raise CommandError(f"{words[0]} is not installed.", command=shlex.join(words)) from None
        except subprocess.TimeoutExpired:
            raise CommandError(
                f"{words[0]} did not end within {seconds:.0f} s.", command=shlex.join(words)
            ) from None
        if done.returncode != 0:
            complaint = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()
            raise CommandError(
                f"{words[0]} ended with status {done.returncode}: {complaint[-1]}",
                command=shlex.join(words),
            )
        return done.stdout

    def succeeds(self, argv: Sequence[str | Path], *, seconds: float = 30.0) -> bool:
        """Run a short program for its status alone."""
        try:
            self.output(argv, seconds=seconds)
        except CommandError:
            return False
        return True

    def _start(
        self,
        words: list[str],
        *,
        output: int,
        cwd: Path | None,
        env: Mapping[str, str] | None,
    ) -> subprocess.Popen[bytes]:
        # setpriv lets the kernel end the program when this process is killed: a `kill -9` of the
        # tool must not leave a compiler running for minutes.
        guard = ["setpriv", "--pdeathsig", "TERM", "--"] if shutil.which("setpriv") else []
        try:
            return subprocess.Popen(
                [*guard, *words],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        except FileNotFoundError:
            raise CommandError(f"{words[0]} is not installed.", command=shlex.join(words)) from None

    def _wait(
        self,
        process: subprocess.Popen[bytes],
        words: list[str],
        *,
        seconds: float,
        log: Path,
        skip: int,
    ) -> None:
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(POLL_SECONDS)
                return
            if self.cancelled.is_set():
                raise Cancelled(f"{words[0]} was stopped.")
            if time.monotonic() > deadline:
                raise CommandError(
                    f"{words[0]} did not end within {seconds:.0f} s.",
                    command=shlex.join(words),
                    log=log,
                    skip=skip,
                )


def repeatable(
    words: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> str:
    """The shell line that does the same again."""
    assignments = [f"{name}={shlex.quote(value)}" for name, value in (env or {}).items()]
    place = f"cd {shlex.quote(str(cwd))} && " if cwd else ""
    return place + " ".join([*assignments, shlex.join(words)])


def tail(log: Path, *, lines: int = TAIL_LINES, skip: int = 0) -> str:
    """The last lines of ``log``, ignoring its first ``skip`` bytes; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(min(skip, file.tell()), file.tell() - 64 * 1024))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def _feed(process: subprocess.Popen[bytes], content: str) -> None:
    if process.stdin is None:
        return
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(content.encode())
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    for number, grace in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
            return
