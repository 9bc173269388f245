"""Where things are and which ports they hold, read once from the environment."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from funkhaus_cluster.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Mapping

NODE_NAME = "funkhaus-local"
BRIDGE = "funkhaus0"
NFT_TABLE = "funkhaus"
NETPOL_TABLE = "funkhaus-netpol"
"""What the policy engine (go/cmd/netpol) calls its table."""
CLUSTER_DOMAIN = "cluster.local"
CGROUP = "funkhaus"
KINDS_OF_CLUSTER = ("existing", "kind", "local")


@dataclass(frozen=True, kw_only=True)
class Ports:
    """TCP ports, each overridable by ``FUNKHAUS_<NAME>_PORT``.

    The first group is what a person or the product talks to; the second belongs to the node's own parts.
    """

    registry: int = 5050
    ingress: int = 8088
    opa: int = 8181
    postgres: int = 5433
    api: int = 8780
    webhook: int = 8743
    webhook_ops: int = 8744
    controller_ops: int = 8745
    waker: int = 8750
    waker_ops: int = 8751
    idp: int = 8790

    apiserver: int = 6443
    etcd: int = 2379
    etcd_peer: int = 2380
    etcd_metrics: int = 2381
    kubelet: int = 10250
    kubelet_health: int = 10248
    controller_manager: int = 10257
    scheduler: int = 10259
    proxy_health: int = 10256
    proxy_metrics: int = 10249
    dns_health: int = 8653
    dns_ready: int = 8654
    metrics_server: int = 4443
    contour_xds: int = 8701
    contour_http: int = 8702
    contour_debug: int = 8703
    envoy_stats: int = 8704
    netpol: int = 8746
    ingress_tls: int = 8448


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything the tool is told, with defaults that suit one cluster on one machine."""

    checkout: Path
    state: Path
    cache: Path
    ports: Ports
    cluster: str = ""
    """``existing``, ``kind``, ``local``, or empty: choose."""
    context: str = ""
    node_address: str = "10.222.0.1"
    pod_network: str = "10.244.0.0/16"
    service_network: str = "10.96.0.0/16"
    dns_address: str = "10.96.0.10"
    domain: str = "127-0-0-1.nip.io"
    database_url: str = ""
    """Of an external Postgres, ``postgresql+asyncpg://…``; empty: the embedded one is started."""
    oidc_file: Path | None = None
    """Identity providers people sign in with (docs/identity.md); None: one for development is started."""

    @property
    def apiserver_url(self) -> str:
        """The address kubeconfigs point to."""
        return f"https://{self.node_address}:{self.ports.apiserver}"

    @property
    def service_address(self) -> str:
        """ClusterIP of the ``kubernetes`` Service: the first of the service network."""
        return str(ipaddress.ip_network(self.service_network)[1])

    @property
    def pod_gateway(self) -> str:
        """The host's address as pods see it: the first of the pod network."""
        return str(ipaddress.ip_network(self.pod_network)[1])

    @property
    def registry(self) -> str:
        """Name images are pushed and pulled under."""
        return f"127.0.0.1:{self.ports.registry}"

    @property
    def run(self) -> Path:
        """Process records, sockets."""
        return self.state / "run"

    @property
    def log(self) -> Path:
        """One log file per part and per step."""
        return self.state / "log"

    @property
    def pki(self) -> Path:
        """Keys and certificates, mode 0700."""
        return self.state / "pki"

    @property
    def bin(self) -> Path:
        """Links to the binaries in use, under the names parts are called by."""
        return self.state / "bin"

    @property
    def etc(self) -> Path:
        """Configuration files rendered for the parts."""
        return self.state / "etc"

    @property
    def local(self) -> Path:
        """The checkout's own untracked folder: developer environment and wrappers."""
        return self.checkout / ".local"

    def data(self, part: str) -> Path:
        """Where ``part`` keeps its data."""
        return self.state / "data" / part

    def kubeconfig(self, name: str) -> Path:
        """Kubeconfig of one identity; ``admin`` is the developer's."""
        return self.state / "kubeconfig" / f"{name}.yaml"


def from_environ(environ: Mapping[str, str], *, checkout: Path) -> Settings:
    """Read settings from ``environ``.

    Raises ``ClusterError`` naming the variable, its value and what would pass.
    """
    cluster = environ.get("FUNKHAUS_CLUSTER", "")
    if cluster and cluster not in KINDS_OF_CLUSTER:
        raise ClusterError(
            f"FUNKHAUS_CLUSTER={cluster!r} is not a kind of cluster: "
            f"use one of {', '.join(KINDS_OF_CLUSTER)}, or leave it unset to let the tool choose."
        )
    home = Path(environ.get("HOME") or "/root")
    caches = _folder(environ, "XDG_CACHE_HOME", home / ".cache")
    return Settings(
        checkout=checkout,
        state=_folder(environ, "FUNKHAUS_STATE", Path("/var/lib/funkhaus")),
        cache=_folder(environ, "FUNKHAUS_CACHE", caches / "funkhaus"),
        ports=_ports(environ),
        cluster=cluster,
        context=environ.get("FUNKHAUS_CONTEXT", ""),
        node_address=_address(environ, "FUNKHAUS_NODE_ADDRESS", "10.222.0.1"),
        domain=environ.get("FUNKHAUS_DOMAIN", "127-0-0-1.nip.io"),
        database_url=_database_url(environ.get("FUNKHAUS_DATABASE_URL", "")),
        oidc_file=_file(environ, "FUNKHAUS_OIDC_FILE"),
    )


def _folder(environ: Mapping[str, str], name: str, default: Path) -> Path:
    value = environ.get(name)
    if not value:
        return default
    path = Path(value)
    if not path.is_absolute() or path == Path("/"):
        raise ClusterError(
            f"{name}={value!r} must be an absolute path below /, for example {default}."
        )
    return path


def _file(environ: Mapping[str, str], name: str) -> Path | None:
    value = environ.get(name)
    if not value:
        return None
    path = Path(value)
    if not path.is_absolute() or not path.is_file():
        raise ClusterError(f"{name}={value!r} must be the absolute path of a file that is there.")
    return path


def _ports(environ: Mapping[str, str]) -> Ports:
    chosen: dict[str, int] = {}
    for field in fields(Ports):
        name = f"FUNKHAUS_{field.name.upper()}_PORT"
        value = environ.get(name)
        if value:
            chosen[field.name] = _port(name, value)
    ports = Ports(**chosen)
    holders: dict[int, str] = {}
    for field in fields(Ports):
        port = getattr(ports, field.name)
        if port in holders:
            raise ClusterError(
                f"port {port} is given to both {holders[port]} and {field.name}: "
                f"set FUNKHAUS_{field.name.upper()}_PORT to another one."
            )
        holders[port] = field.name
    return ports


def _port(name: str, value: str) -> int:
    lowest, highest = 1024, 65535
    if not value.isascii() or not value.isdigit() or not lowest <= int(value) <= highest:
        raise ClusterError(f"{name}={value!r} must be a port from {lowest} to {highest}.")
    return int(value)


def _database_url(value: str) -> str:
    example = "postgresql+asyncpg://user:password@db.example:5432/funkhaus"
    parts = urlsplit(value)
    if value and (parts.scheme != "postgresql+asyncpg" or not parts.hostname):
        # The value holds a password: it is not repeated.
        raise ClusterError(
            f"FUNKHAUS_DATABASE_URL must look like {example}; unset, Postgres is embedded."
        )
    return value


def _address(environ: Mapping[str, str], name: str, default: str) -> str:
    value = environ.get(name) or default
    try:
        address = ipaddress.IPv4Address(value)
    except ValueError:
        raise ClusterError(f"{name}={value!r} must be an IPv4 address like {default}.") from None
    if address.is_loopback or not address.is_private:
        raise ClusterError(
            f"{name}={value!r} must be a private address that is not loopback, like {default}: "
            "the kubernetes Service refuses loopback endpoints."
        )
    return str(address)
