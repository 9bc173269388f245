"""Who listens where, from ``/proc/net``: no other program needed."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus_cluster import processes

if TYPE_CHECKING:
    from pathlib import Path

TCP_LISTEN = 0x0A
UDP_UNCONNECTED = 0x07
WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - names what is listened on, listens on nothing


@dataclass(frozen=True, order=True)
class Listener:
    """One listening socket."""

    protocol: str
    address: str
    port: int
    inode: int = 0


def listening(proc: Path = processes.PROC) -> list[Listener]:
    """Every TCP socket that accepts connections and every UDP socket bound to a port."""
    found: list[Listener] = []
    for protocol, state in (("tcp", TCP_LISTEN), ("udp", UDP_UNCONNECTED)):
        for suffix in ("", "6"):
            with contextlib.suppress(OSError):
                lines = (proc / "net" / f"{protocol}{suffix}").read_text().splitlines()[1:]
                found.extend(_parse(lines, protocol=protocol, state=state))
    return sorted(found)


def holder(address: str, port: int, proc: Path = processes.PROC) -> str:
    """The process that listens on ``address:port`` over TCP, in words; empty when none does."""
    for entry in listening(proc):
        if (
            entry.protocol == "tcp"
            and entry.port == port
            and entry.address in {address, *WILDCARDS}
        ):
            pid = _owner(entry.inode, proc)
            words = processes.command_line(pid, proc) if pid else []
            return f"process {pid} ({' '.join(words)[:80]})" if pid else "another process"
    return ""


def _parse(lines: list[str], *, protocol: str, state: int) -> list[Listener]:
    found = []
    for line in lines:
        fields = line.split()
        raw, _, port = fields[1].partition(":")
        if int(fields[3], 16) == state:
            found.append(Listener(protocol, _address(raw), int(port, 16), inode=int(fields[9])))
    return found


def _address(raw: str) -> str:
    # The kernel prints each 32-bit word of the address in the machine's byte order.
    words = [int(raw[start : start + 8], 16) for start in range(0, len(raw), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    family = socket.AF_INET if len(words) == 1 else socket.AF_INET6
    return socket.inet_ntop(family, packed)


def _owner(inode: int, proc: Path) -> int:
    wanted = f"socket:[{inode}]"
    for pid in processes.pids(proc):
        with contextlib.suppress(OSError):
            for descriptor in (proc / str(pid) / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if os.readlink(descriptor) == wanted:  # noqa: PTH115 - not a path but a label
                        return pid
    return 0
