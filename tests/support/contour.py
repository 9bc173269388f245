"""Contour and Envoy on loopback, beside a kube-apiserver of `tests.support.apiserver`: what is routed there really is.

The programs are the local cluster's, found on PATH, and so are the CRDs, which lie beside Contour's. There is no node: who
answers behind a Service is a server of the test's, at an address of this machine's that is not loopback, because Kubernetes
takes no other for an endpoint.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from funkhaus.domain.trigger import METHODS
from funkhaus_cluster.addons import contour_config, listener_port

from . import programs
from .ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .apiserver import ApiServer

START_SECONDS = 60
PROGRAMS = ("contour", "envoy")
CLASS, NAMESPACE, GATEWAY = "contour-test", "edge", "public"
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Answer:
    """What a call got: status, headers by lower-case name, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def seen(self) -> dict[str, Any]:
        """What the server behind says of the request it got."""
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass(frozen=True)
class Edge:
    """The running proxy."""

    port: int
    apiserver: ApiServer

    def call(
        self,
        host: str,
        path: str = "/",
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request through Envoy. Raises `OSError` where nobody answers."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            headers={**(headers or {}), "Host": host},
        )
        try:
            with _OPENER.open(request, timeout=10) as answer:
                return Answer(answer.status, _lower(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, _lower(error.headers), error.read())


def definitions() -> str:
    """The CRDs of Contour and of the Gateway API, as Contour's module ships them."""
    program = shutil.which("contour")
    assert program, "contour is not on PATH; `make up` builds it"
    folder = Path(program).resolve().parent
    return "\n---\n".join((folder / f).read_text() for f in ("01-crds.yaml", "gateway-crds.yaml"))


def install(apiserver: ApiServer) -> None:
    """Have kube-apiserver serve the kinds. Idempotent."""
    applied = ("apply", "--server-side", "--force-conflicts", "-f", "-")
    apiserver.kubectl(*applied, stdin=definitions())
    apiserver.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")


@contextmanager
def running(folder: Path, apiserver: ApiServer) -> Iterator[Edge]:
    """Both, once Envoy is ready; they end with the block."""
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    assert not absent, f"not on PATH: {', '.join(absent)}; `make up` brings them"
    xds, http, stats, port = (free_port() for _ in range(4))
    install(apiserver)
    apiserver.kubectl(
        "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(_objects(port))
    )
    (folder / "contour.yaml").write_text(contour_config(f"{NAMESPACE}/{GATEWAY}"))
    commands = [
        [
            "contour",
            "serve",
            f"--kubeconfig={apiserver.kubeconfig}",
            f"--config-path={folder / 'contour.yaml'}",
            "--insecure",
            "--xds-address=127.0.0.1",
            f"--xds-port={xds}",
            "--http-address=127.0.0.1",
            f"--http-port={http}",
            "--health-address=127.0.0.1",
            f"--health-port={http}",
            "--debug-http-address=127.0.0.1",
            f"--debug-http-port={free_port()}",
            "--envoy-service-http-address=127.0.0.1",
            "--envoy-service-https-address=127.0.0.1",
            "--stats-address=127.0.0.1",
            f"--stats-port={stats}",
            f"--ingress-class-name={CLASS}",
            "--ingress-status-address=127.0.0.1",
            "--disable-leader-election",
        ],
        [
            "envoy",
            "--config-path",
            str(folder / "envoy.json"),
            "--service-cluster",
            "test",
            "--service-node",
            "envoy",
            "--log-level",
            "warning",
            "--concurrency",
            "1",
            "--disable-hot-restart",
            "--use-dynamic-base-id",
        ],
    ]
    subprocess.run(
        ["contour", "bootstrap", str(folder / "envoy.json"), "--xds-address=127.0.0.1", f"--xds-port={xds}",
         f"--admin-address={folder / 'admin.sock'}", "--dns-lookup-family=v4"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    with programs.started(commands, folder) as processes:
        _wait(stats, processes, folder)
        yield Edge(port, apiserver)


def _objects(port: int) -> dict[str, Any]:
    """Namespace, classes and the Gateway, whose one listener is at `port`."""
    group = "gateway.networking.k8s.io/v1"
    tenants = {"matchExpressions": [{"key": "funkhaus.dev/tenant", "operator": "Exists"}]}
    listener = {
        "name": "http",
        "protocol": "HTTP",
        "port": listener_port(port),
        "allowedRoutes": {"namespaces": {"from": "Selector", "selector": tenants}},
    }
    items: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {
            "apiVersion": group,
            "kind": "GatewayClass",
            "metadata": {"name": CLASS},
            "spec": {"controllerName": "projectcontour.io/gateway-controller"},
        },
        {
            "apiVersion": group,
            "kind": "Gateway",
            "metadata": {"namespace": NAMESPACE, "name": GATEWAY},
            "spec": {"gatewayClassName": CLASS, "listeners": [listener]},
        },
    ]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def _wait(stats: int, processes: list[subprocess.Popen[bytes]], folder: Path) -> None:
    """Until Envoy has its configuration from Contour. It listens for callers once there is a host to answer for."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and all(process.poll() is None for process in processes):
        try:
            with _OPENER.open(f"http://127.0.0.1:{stats}/ready", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            pass
        time.sleep(0.1)
    said = "\n".join((folder / f"{name}.log").read_text()[-2000:] for name in PROGRAMS)
    raise AssertionError(f"Envoy is not ready:\n{said}")


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def address() -> str:
    """An address of this machine that is not loopback: the one it would send from. No packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        found: str = probe.getsockname()[0]
    return found


class _Echo(BaseHTTPRequestHandler):
    """Says who it is and what it was asked."""

    protocol_version = "HTTP/1.1"
    name = ""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        seen = {
            "name": self.name,
            "method": self.command,
            "path": self.path,
            "headers": _lower(self.headers),
        }
        body = json.dumps(seen).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def echo(name: str) -> Iterator[int]:
    """A server behind a Service: it answers with `name` and the request it got. Yields its port at `address()`."""
    verbs = {f"do_{method}": _Echo._answer for method in METHODS}
    handler = type("Named", (_Echo,), {"name": name, **verbs})
    server = ThreadingHTTPServer((address(), 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def answered(edge: Edge, namespace: str, service: str, port: int) -> None:
    """Have a Service lead to `port`, as Kubernetes would for one with a ready pod: there are no controllers here."""
    made = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "namespace": namespace,
            "name": f"{service}-test",
            "labels": {"kubernetes.io/service-name": service},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address()], "conditions": {"ready": True}}],
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
    }
    edge.apiserver.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(made))
