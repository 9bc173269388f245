"""What a machine holds, written down and compared: shows that ``down`` leaves nothing behind."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from funkhaus_cluster import listeners, processes
from funkhaus_cluster.errors import ClusterError

if TYPE_CHECKING:
    from funkhaus_cluster.commands import Commands

Snapshot = dict[str, list[str]]
CGROUP_ROOT = Path("/sys/fs/cgroup")
NETWORK_NAMESPACES = Path("/run/netns")
SOCKET_FOLDERS = (
    Path("/run/containerd"),
    Path("/var/log/containers"),
    Path("/var/lib/cni/results"),
)
KERNEL_SETTINGS = (
    "net/ipv4/ip_forward",
    "vm/overcommit_memory",
    "kernel/panic",
    "kernel/panic_on_oops",
)


def take(commands: Commands) -> Snapshot:
    """Everything a cluster could leave on this machine, one sorted list of words per kind."""
    return {
        "processes": _processes(),
        "mounts": _mounts(),
        "links": _links(commands),
        "routes": sorted(commands.output(["ip", "route", "show", "table", "all"]).splitlines()),
        "network namespaces": _entries(NETWORK_NAMESPACES),
        "nft rules": sorted(commands.output(["nft", "list", "ruleset"]).splitlines()),
        "listening": [
            f"{entry.protocol} {entry.address}:{entry.port}" for entry in listeners.listening()
        ],
        "cgroups": sorted(str(path) for path in CGROUP_ROOT.glob("**/") if path.is_dir()),
        "files": sorted(str(path) for folder in SOCKET_FOLDERS for path in folder.glob("**/*")),
        "kernel settings": [
            f"{name}={(processes.PROC / 'sys' / name).read_text().strip()}"
            for name in KERNEL_SETTINGS
        ],
    }


def compare(before: Snapshot, after: Snapshot) -> dict[str, list[str]]:
    """What ``after`` holds that ``before`` did not, per kind; empty when nothing was left."""
    found: dict[str, list[str]] = {}
    for kind, now in after.items():
        earlier = list(before.get(kind, []))
        added = []
        for entry in now:
            # As multisets: two mounts on one point are two things to leave behind.
            if entry in earlier:
                earlier.remove(entry)
            else:
                added.append(entry)
        if added:
            found[kind] = added
    return found


def read(path: Path) -> Snapshot:
    """A snapshot written by ``write``. Raises ``ClusterError`` when it is none."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ClusterError(f"{path} is not a snapshot of this tool: {error}.") from None
    if not isinstance(content, dict) or "processes" not in content:
        raise ClusterError(f"{path} is not a snapshot of this tool: it lists no processes.")
    return content


def write(path: Path, snapshot: Snapshot) -> None:
    """Write ``snapshot`` as JSON."""
    path.write_text(json.dumps(snapshot, indent=1) + "\n")


def report(found: dict[str, list[str]]) -> str:
    """The differences in lines, or one that says there are none."""
    if not found:
        return "nothing was left behind"
    return "\n".join(f"{kind}: {entry}" for kind, entries in found.items() for entry in entries)


def _processes() -> list[str]:
    """Every process that belongs to no other but init, this one's ancestors aside.

    What ``up`` leaves behind has outlived it and so is init's; what another program runs meanwhile
    hangs below that program.
    """
    kin = {os.getpid()}
    parent = os.getppid()
    while parent > 1:
        kin.add(parent)
        parent = processes.parent(parent)
    found = []
    for pid in processes.pids():
        words = processes.command_line(pid)  # empty for kernel threads and zombies
        identity = processes.identify(pid)
        if words and identity is not None and pid not in kin and processes.parent(pid) <= 1:
            found.append(f"{pid}@{identity.started} {' '.join(words)[:120]}")
    return sorted(found)


def _mounts() -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return sorted(f"{line.split()[4]} {line.partition(' - ')[2].split()[0]}" for line in lines)


def _links(commands: Commands) -> list[str]:
    links = json.loads(commands.output(["ip", "-json", "address", "show"]))
    return sorted(
        f"{link['ifname']} {entry.get('local', '')}".strip()
        for link in links
        for entry in (link.get("addr_info") or [{}])
    )


def _entries(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.glob("*"))
