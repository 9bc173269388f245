"""Processes told apart by pid *and* start time, so that a reused pid is never taken for one of ours."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
PART_VARIABLE = "FUNKHAUS_PART"
STATE_VARIABLE = "FUNKHAUS_STATE"


@dataclass(frozen=True)
class Identity:
    """One process of one boot: a pid is reused, a pid with its start time is not."""

    pid: int
    started: int
    """Clock ticks between boot and the start of the process, field 22 of ``/proc/PID/stat``."""
    boot: str


def boot_id(proc: Path = PROC) -> str:
    """The kernel's name for this boot."""
    return (proc / "sys/kernel/random/boot_id").read_text().strip()


def identify(pid: int, proc: Path = PROC) -> Identity | None:
    """The process that has ``pid`` now, or None when there is none or only its zombie."""
    try:
        stat = (proc / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The command name is in parentheses and may itself hold spaces and parentheses.
    fields = stat[stat.rindex(")") + 2 :].split()
    state, started = fields[0], int(fields[19])
    if state in "ZX":
        return None
    return Identity(pid=pid, started=started, boot=boot_id(proc))


def alive(identity: Identity, proc: Path = PROC) -> bool:
    """Whether that very process still runs."""
    return identify(identity.pid, proc) == identity


def end(identity: Identity, *, grace: float, first: signal.Signals = signal.SIGTERM) -> bool:
    """Ask the process to end, then make it; return whether it ran at all.

    Signals go through a pidfd taken before the identity is checked, so that they can only reach that very process.
    """
    try:
        handle = os.pidfd_open(identity.pid)
    except OSError:
        return False
    try:
        if not alive(identity):
            return False
        for number, seconds in ((first, grace), (signal.SIGKILL, 10.0)):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, number)
            if _ended(handle, identity, seconds):
                break
        return True
    finally:
        os.close(handle)


def _ended(handle: int, identity: Identity, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if select.select([handle], [], [], min(left, 1.0))[0] or not alive(identity):
            # Reap it if it was our child; otherwise init does.
            with contextlib.suppress(OSError):
                os.waitpid(identity.pid, os.WNOHANG)
            return True
    return False


def pids(proc: Path = PROC) -> list[int]:
    """Every pid there is now."""
    return [int(entry.name) for entry in proc.iterdir() if entry.name.isdigit()]


def parent(pid: int, proc: Path = PROC) -> int:
    """Pid of the process that started ``pid`` or took it over; 0 when there is none."""
    try:
        stat = (proc / str(pid) / "stat").read_text()
    except OSError:
        return 0
    return int(stat[stat.rindex(")") + 2 :].split()[1])


def children(proc: Path = PROC) -> dict[int, list[int]]:
    """Per process those it is the parent of."""
    found: dict[int, list[int]] = {}
    for pid in pids(proc):
        found.setdefault(parent(pid, proc), []).append(pid)
    return found


def environment(pid: int, proc: Path = PROC) -> dict[str, str]:
    """The environment a process was started with; empty when it may not or can no longer be read."""
    try:
        raw = (proc / str(pid) / "environ").read_bytes()
    except OSError:
        return {}
    pairs = (entry.decode(errors="replace").partition("=") for entry in raw.split(b"\0") if entry)
    return {name: value for name, _, value in pairs}


def command_line(pid: int, proc: Path = PROC) -> list[str]:
    """The arguments of a process; empty for kernel threads and the dead."""
    try:
        raw = (proc / str(pid) / "cmdline").read_bytes()
    except OSError:
        return []
    return [word.decode(errors="replace") for word in raw.split(b"\0") if word]


def program(pid: int, proc: Path = PROC) -> str:
    """File name of the program a process runs, whatever it calls itself; empty when it can't be read."""
    try:
        return (proc / str(pid) / "exe").readlink().name.removesuffix(" (deleted)")
    except OSError:
        return ""


def folder(pid: int, proc: Path = PROC) -> Path | None:
    """The working directory of a process; None when it can't be read."""
    try:
        return (proc / str(pid) / "cwd").readlink()
    except OSError:
        return None


def marked(state: Path, proc: Path = PROC) -> dict[int, str]:
    """Pid to part name of every process that carries this state folder's mark in its environment.

    The mark is put there when a part is started and inherited by what it starts (containerd's
    shims); it finds the processes of a run that was killed between starting a part and recording it.
    """
    found: dict[int, str] = {}
    for pid in pids(proc):
        variables = environment(pid, proc)
        if PART_VARIABLE in variables and variables.get(STATE_VARIABLE) == str(state):
            found[pid] = variables[PART_VARIABLE]
    return found
