"""A part: one long-running process of the cluster, described, started, checked and stopped the same way as every other."""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import shlex
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from funkhaus_cluster import listeners, processes, records
from funkhaus_cluster.commands import repeatable, tail
from funkhaus_cluster.errors import Cancelled, ClusterError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from funkhaus_cluster.settings import Settings

POLL_SECONDS = 0.1
STILL_READY_SECONDS = 5.0
LOG_LIMIT_BYTES = 32 * 1024 * 1024
PASSED_ON = ("LANG", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(frozen=True, kw_only=True)
class Part:
    """One process. Adding a process to the cluster is adding one of these to a table."""

    name: str
    argv: tuple[str, ...]
    ready: Callable[[], str]
    """Empty when ready, else what is missing; see ``probes``."""
    needs: tuple[str, ...] = ()
    """Steps and other parts (as ``start NAME``) that must be done first."""
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = Path("/")
    user: str = ""
    """Unprivileged system user to run as; empty: root."""
    ports: tuple[tuple[str, int], ...] = ()
    """Addresses it listens on, checked for other holders before it starts."""
    watches: tuple[Path, ...] = ()
    """Files and folders it reads at start: when their content changes, ``up`` restarts it."""
    before: Callable[[], None] | None = None
    """Called right before it is started, when none of it should run any more: clears what a killed one left."""
    start_seconds: float = 60.0
    stop_seconds: float = 15.0
    url: str = ""
    """Shown by ``status``."""

    def fingerprint(self) -> str:
        """Digest of everything it is started with, the program file included."""
        digest = hashlib.sha256()
        program = Path(self.argv[0]).resolve()
        stamp = program.stat() if program.exists() else None
        start = [
            self.argv,
            sorted(self.env.items()),
            str(self.cwd),
            self.user,
            str(program),
            (stamp.st_size, stamp.st_mtime_ns) if stamp else None,
        ]
        digest.update(json.dumps(start).encode())
        for watched in self.watches:
            for file in sorted(watched.rglob("*")) if watched.is_dir() else [watched]:
                if file.is_file() and "__pycache__" not in file.parts:
                    digest.update(f"{file}\0".encode() + file.read_bytes())
        return digest.hexdigest()

    def repeat(self) -> str:
        """The shell line that starts it by hand."""
        line = repeatable(self.argv, cwd=self.cwd, env=dict(self.env))
        return (
            f"runuser -u {shlex.quote(self.user)} -- sh -c {shlex.quote(line)}"
            if self.user
            else line
        )


class PartError(ClusterError):
    """A part did not become ready; carries what to look at."""

    def __init__(self, part: Part, why: str, *, log: Path, tail_text: str) -> None:
        super().__init__(f"{part.name} {why}.")
        self.log = log
        self.tail = tail_text
        self.command = part.repeat()


@dataclass(frozen=True)
class PartRunner:
    """Starts and stops parts below one state folder."""

    settings: Settings
    cancelled: threading.Event

    def log(self, name: str) -> Path:
        """Where the part's output goes."""
        return self.settings.log / f"{name}.log"

    def ensure(self, part: Part) -> str:
        """Make ``part`` run, as described, and be ready; return what it took.

        A part that runs and is described by the same fingerprint is left alone. Raises ``PartError``
        with the end of its log.
        """
        fingerprint = part.fingerprint()
        record = records.load(self.settings.run, part.name)
        outcome = "started"
        if record is not None and processes.alive(record.identity):
            if record.fingerprint != fingerprint:
                outcome = "restarted, its configuration changed"
            elif self._still_ready(part):
                return f"already running, pid {record.identity.pid}"
            else:
                outcome = f"restarted, {part.ready()}"
            processes.end(record.identity, grace=part.stop_seconds)
        elif record is not None:
            outcome = "started again, it had ended"
        self._end_strays(part)
        if part.before is not None:
            part.before()
        self._check_ports(part)
        process, skip = self._spawn(part, fingerprint)
        self._await(part, process, skip)
        return f"{outcome}, pid {process.pid}"

    def stop(self, name: str, *, grace: float = 15.0) -> bool:
        """End ``name`` if it is recorded and runs; return whether it did."""
        record = records.load(self.settings.run, name)
        ran = record is not None and processes.end(record.identity, grace=grace)
        records.drop(self.settings.run, name)
        return ran

    def _still_ready(self, part: Part) -> bool:
        deadline = time.monotonic() + STILL_READY_SECONDS
        while part.ready():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def _end_strays(self, part: Part) -> None:
        """End processes of this part that a killed run started and did not get to record."""
        # Comparing programs keeps containerd's shims, which inherit its mark, and their pods alive.
        program = Path(part.argv[0]).resolve().name
        for pid, name in processes.marked(self.settings.state).items():
            if name != part.name or processes.program(pid) != program:
                continue
            identity = processes.identify(pid)
            if identity is not None:
                processes.end(identity, grace=part.stop_seconds)

    def _check_ports(self, part: Part) -> None:
        for address, port in part.ports:
            holder = listeners.holder(address, port)
            if holder:
                raise ClusterError(
                    f"{part.name} needs {address}:{port}, which {holder} holds: end that process, "
                    "or give this part another port (FUNKHAUS_<NAME>_PORT, see settings.py)."
                )

    def _spawn(self, part: Part, fingerprint: str) -> tuple[subprocess.Popen[bytes], int]:
        log = self.log(part.name)
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
            log.replace(log.with_suffix(".log.1"))
        account = pwd.getpwnam(part.user) if part.user else None
        with log.open("ab") as output:
            skip = output.tell()
            try:
                process = subprocess.Popen(
                    part.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=part.cwd,
                    env=self._environment(part),
                    start_new_session=True,
                    user=account.pw_uid if account else None,
                    group=account.pw_gid if account else None,
                    extra_groups=[] if account else None,
                )
            except OSError as error:
                raise PartError(part, f"did not start: {error}", log=log, tail_text="") from None
        identity = processes.identify(process.pid)
        if identity is not None:
            records.save(
                self.settings.run,
                records.Record(
                    name=part.name, identity=identity, fingerprint=fingerprint, since=time.time()
                ),
            )
        return process, skip

    def _environment(self, part: Part) -> dict[str, str]:
        return {
            "PATH": f"{self.settings.bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.settings.state),
            **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
            **part.env,
            processes.PART_VARIABLE: part.name,
            processes.STATE_VARIABLE: str(self.settings.state),
        }

    def _await(self, part: Part, process: subprocess.Popen[bytes], skip: int) -> None:
        log = self.log(part.name)
        deadline = time.monotonic() + part.start_seconds
        while wrong := part.ready():
            status = process.poll()
            if status is not None:
                why = f"ended with status {status} before it was ready"
                raise PartError(part, why, log=log, tail_text=tail(log, skip=skip))
            if self.cancelled.is_set():
                raise Cancelled(f"{part.name} was not awaited.")
            if time.monotonic() > deadline:
                why = f"was not ready within {part.start_seconds:.0f} s ({wrong})"
                raise PartError(part, why, log=log, tail_text=tail(log, skip=skip))
            time.sleep(POLL_SECONDS)
