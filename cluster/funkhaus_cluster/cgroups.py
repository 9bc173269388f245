"""The cgroup all pods live under, on either version of cgroups: made for kubelet, emptied and removed by ``down``."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from funkhaus_cluster.errors import ClusterError
from funkhaus_cluster.settings import CGROUP

MOUNTS = Path("/proc/self/mountinfo")
EMPTY_SECONDS = 10.0


def hierarchies(mounts: Path = MOUNTS, *, every: bool = False) -> list[Path]:
    """Where cgroup hierarchies are mounted.

    Beside version 1 a version 2 mount limits nothing; runc makes its folder there all the same,
    so tidying asks for ``every`` one.
    """
    first: list[Path] = []
    second: list[Path] = []
    for line in mounts.read_text().splitlines():
        fields, _, filesystem = line.partition(" - ")
        kind = filesystem.split()[0]
        point = Path(fields.split()[4])
        if kind == "cgroup":
            first.append(point)
        elif kind == "cgroup2":
            second.append(point)
    return [*first, *second] if every else first or second


def establish() -> str:
    """Make the cgroup in every hierarchy."""
    roots = hierarchies()
    if not roots:
        raise ClusterError(
            "no cgroup hierarchy is mounted on this machine: kubelet cannot limit pods without one."
        )
    for root in roots:
        ours = root / CGROUP
        ours.mkdir(exist_ok=True)
        # A version 1 cpuset starts empty, and nothing can run in an empty one.
        for name in ("cpuset.cpus", "cpuset.mems"):
            file = ours / name
            if root.name == "cpuset" and not file.read_text().strip():
                file.write_text((root / name).read_text())
        with contextlib.suppress(OSError):
            if (root / "cgroup.subtree_control").exists():
                wanted = (root / "cgroup.controllers").read_text().split()
                (root / "cgroup.subtree_control").write_text(
                    " ".join(f"+{name}" for name in wanted)
                )
    return f"{len(roots)} hierarchies"


def members() -> set[int]:
    """Every process of every pod."""
    found: set[int] = set()
    for root in hierarchies(every=True):
        # Groups go while they are listed: `os.walk` leaves out what is gone, `Path.glob` fails.
        for folder, _, files in os.walk(root / CGROUP):
            if "cgroup.procs" in files:
                with contextlib.suppress(OSError):  # gone since it was listed
                    text = Path(folder, "cgroup.procs").read_text()
                    found.update(int(pid) for pid in text.split())
    return found - {0}


def kill_members() -> int:
    """Kill every process of every pod and wait until they are gone; return how many there were."""
    killed: set[int] = set()
    deadline = time.monotonic() + EMPTY_SECONDS
    while (left := members()) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        killed |= left
        time.sleep(0.05)
    return len(killed)


def remove() -> None:
    """Remove the emptied cgroup, children first."""
    for root in hierarchies(every=True):
        for folder, _, _ in os.walk(root / CGROUP, topdown=False):
            with contextlib.suppress(
                OSError
            ):  # still in use, or gone: the caller looks at what is left
                Path(folder).rmdir()
