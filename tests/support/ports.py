"""Ports of loopback for servers of a test.

A port that is free now may be somebody's before the server has it: the kernel gives such ports away with every connection,
and a second worker of this run, or another run, asks at the same time. So they come from below what the kernel gives, by
chance, from a share of each worker's own, and none twice.
"""

from __future__ import annotations

import os
import random
import socket

FIRST, LAST = 20_000, 29_999
"""Below the kernel's own (/proc/sys/net/ipv4/ip_local_port_range) and below NodePorts."""
WORKERS = 4
_given: set[int] = set()
_chance = random.SystemRandom()


def free_port() -> int:
    """A port nobody listens on now, and nobody else here is given."""
    name = os.environ.get("PYTEST_XDIST_WORKER", "")
    share = int(name.removeprefix("gw") or 0) % WORKERS
    while True:
        port = _chance.randrange(FIRST + share, LAST, WORKERS)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
