"""``status``: each part, whether it runs and is ready, what memory it holds, and where to go."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus_cluster import cgroups, processes, records
from funkhaus_cluster.errors import CommandError
from funkhaus_cluster.settings import NODE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from funkhaus_cluster.parts import Part
    from funkhaus_cluster.site import Site

MEBIBYTE = 1024 * 1024
MINUTE = 60


@dataclass(frozen=True)
class PartStatus:
    """One line of the table."""

    name: str
    pid: int
    """0 when it does not run."""
    ready: str
    """``ready``, or what is wrong."""
    memory: int
    """Bytes, shared pages divided among those who share them."""
    since: float
    """Seconds since the epoch; 0 when it does not run."""


def gather(site: Site, parts: Iterable[Part]) -> list[PartStatus]:
    """Ask every part."""
    children = processes.children()
    return [_ask(site.settings.run, part, children) for part in parts]


def table(statuses: Sequence[PartStatus], *, now: float) -> str:
    """The lines a person reads."""
    lines = [f"{'PART':<26}{'STATE':<10}{'PID':>8}{'MEMORY':>10}{'UP':>10}  READY"]
    for entry in statuses:
        state = "running" if entry.pid else "stopped"
        age = _age(now - entry.since) if entry.since else "-"
        memory = f"{entry.memory / MEBIBYTE:.0f} MiB" if entry.pid else "-"
        lines.append(
            f"{entry.name:<26}{state:<10}{entry.pid or '-':>8}{memory:>10}{age:>10}  {entry.ready}"
        )
    return "\n".join(lines)


def show(site: Site, parts: Sequence[Part]) -> bool:
    """Print the table, the node's condition, the memory of all of it and the addresses; return whether all is well."""
    statuses = gather(site, parts)
    print(table(statuses, now=time.time()))
    node = _node(site) if any(entry.pid for entry in statuses) else "not running"
    pods = memory_of(cgroups.members())
    shims = memory_of(
        pid
        for pid in processes.marked(site.settings.state)
        if processes.program(pid).startswith("containerd-shim")
    )
    own = sum(entry.memory for entry in statuses)
    print(f"\nnode {NODE_NAME}: {node}")
    print(
        f"memory: parts {own // MEBIBYTE} MiB, pods {pods // MEBIBYTE} MiB, "
        f"shims {shims // MEBIBYTE} MiB, together {(own + pods + shims) // MEBIBYTE} MiB"
    )
    for part in parts:
        if part.url:
            print(f"{part.name:<26}{part.url}")
    print(f"kubeconfig                {site.settings.kubeconfig('admin')}")
    return node == "Ready" and all(entry.ready == "ready" for entry in statuses)


def memory_of(pids: Iterable[int]) -> int:
    """Bytes the processes hold together: proportional set size, so that pages they share count once."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in (processes.PROC / str(pid) / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def _ask(run: Path, part: Part, children: dict[int, list[int]]) -> PartStatus:
    record = records.load(run, part.name)
    if record is None or not processes.alive(record.identity):
        return PartStatus(part.name, 0, "ended" if record else "not started", 0, 0)
    pid = record.identity.pid
    return PartStatus(
        name=part.name,
        pid=pid,
        ready=part.ready() or "ready",
        memory=memory_of([pid, *children.get(pid, [])]),
        since=record.since,
    )


def _node(site: Site) -> str:
    path = '{range .status.conditions[?(@.type=="Ready")]}{.status} {.message}{end}'
    try:
        said = site.commands.output(
            [site.program("kubectl"), f"--kubeconfig={site.settings.kubeconfig('admin')}",
             "get", "node", NODE_NAME, f"--output=jsonpath={path}", "--request-timeout=5s"],
            seconds=15,
        )  # fmt: skip
    except CommandError as error:
        return str(error)
    verdict, _, message = said.partition(" ")
    return "Ready" if verdict == "True" else f"not ready: {message}"


def _age(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), MINUTE)
    hours, minutes = divmod(minutes, MINUTE)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"
