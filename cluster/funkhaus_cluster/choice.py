"""Which kind of cluster ``up`` makes: the one asked for, or the one this machine can have."""

from __future__ import annotations

import os
import platform
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from funkhaus_cluster.errors import ClusterError

if TYPE_CHECKING:
    from funkhaus_cluster.settings import Settings

DOCKER_SOCKET = Path("/var/run/docker.sock")
INSTEAD = (
    "use a cluster you have (FUNKHAUS_CLUSTER=existing FUNKHAUS_CONTEXT=<name>), "
    "or one in Docker (FUNKHAUS_CLUSTER=kind, with Docker and kind installed)"
)


@dataclass(frozen=True)
class Machine:
    """What decides which cluster can run here."""

    system: str
    root: bool
    debian: bool
    docker: bool
    kind: bool


def inspect() -> Machine:
    """Look at this machine."""
    return Machine(
        system=platform.system(),
        root=os.geteuid() == 0,
        debian=shutil.which("apt-get") is not None,
        docker=docker_answers(DOCKER_SOCKET),
        kind=shutil.which("kind") is not None,
    )


def choose(settings: Settings, machine: Machine) -> str:
    """``existing``, ``kind`` or ``local``.

    Raises ``ClusterError`` with one sentence that says what to do instead when what was asked for,
    or anything at all, cannot be had.
    """
    asked = settings.cluster
    if asked == "existing":
        if not settings.context:
            raise ClusterError(
                "FUNKHAUS_CLUSTER=existing needs FUNKHAUS_CONTEXT=<a context of your kubeconfig>: "
                "the current one is never guessed."
            )
        return asked
    if asked == "kind":
        _require_kind(machine)
        return asked
    if asked == "local":
        _require_local(machine)
        return asked
    if settings.context:
        raise ClusterError(
            f"FUNKHAUS_CONTEXT={settings.context} is set but FUNKHAUS_CLUSTER is not: "
            "say FUNKHAUS_CLUSTER=existing as well, or unset it."
        )
    if machine.docker and machine.kind:
        return "kind"
    _require_local(machine)
    return "local"


def docker_answers(path: Path) -> bool:
    """Whether a Docker engine answers on its socket."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2.0)
            connection.connect(str(path))
            connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            return b" 200 " in connection.recv(64)
    except OSError:
        return False


def _require_kind(machine: Machine) -> None:
    if not machine.docker:
        raise ClusterError(
            "FUNKHAUS_CLUSTER=kind needs a Docker engine, and none answers here: start Docker, "
            "or use FUNKHAUS_CLUSTER=local as root on Debian."
        )
    if not machine.kind:
        raise ClusterError(
            "FUNKHAUS_CLUSTER=kind needs the kind program on PATH: install it "
            "(https://kind.sigs.k8s.io), or use FUNKHAUS_CLUSTER=local as root on Debian."
        )


def _require_local(machine: Machine) -> None:
    if machine.system != "Linux":
        raise ClusterError(f"the local node needs Linux, this is {machine.system}: {INSTEAD}.")
    if not machine.debian:
        raise ClusterError(
            f"the local node installs Debian packages and there is no apt-get here: {INSTEAD}."
        )
    if not machine.root:
        raise ClusterError(
            f"the local node needs root (it makes network links and cgroups): run it as root, or {INSTEAD}."
        )
