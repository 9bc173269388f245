"""A real kube-apiserver on a real etcd, and nothing else: no node, no controllers. Seconds to start, gone with its folder.

For tests of what talks to the API (the cluster adapter, admission) that need no running pods. The binaries are the local
cluster's, found on PATH.
"""

from __future__ import annotations

import shutil
import ssl
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from . import programs
from .ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ADMIN_TOKEN = "admin-of-this-test-run"
START_SECONDS = 60
BINARIES = ("etcd", "kube-apiserver", "kubectl")


@dataclass(frozen=True)
class ApiServer:
    """A running apiserver and the admin's kubeconfig for it."""

    url: str
    kubeconfig: Path
    ca: Path

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        """What kubectl prints as admin; raises `AssertionError` with its complaint."""
        done = subprocess.run(
            ["kubectl", f"--kubeconfig={self.kubeconfig}", "--request-timeout=20s", *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def missing() -> list[str]:
    """The binaries that are not on PATH."""
    return [name for name in BINARIES if shutil.which(name) is None]


@contextmanager
def running(folder: Path, *flags: str) -> Iterator[ApiServer]:
    """Start both below `folder`, yield the apiserver once it is ready, and end both."""
    etcd_port, peer_port, port = free_port(), free_port(), free_port()
    etcd_url = f"http://127.0.0.1:{etcd_port}"
    (folder / "tokens.csv").write_text(f'{ADMIN_TOKEN},admin,admin,"system:masters"\n')
    subprocess.run(
        ["openssl", "genrsa", "-out", str(folder / "sa.key"), "2048"],
        check=True,
        capture_output=True,
    )
    commands = [
        [
            "etcd",
            f"--data-dir={folder / 'etcd'}",
            f"--listen-client-urls={etcd_url}",
            f"--advertise-client-urls={etcd_url}",
            f"--listen-peer-urls=http://127.0.0.1:{peer_port}",
            "--unsafe-no-fsync",
        ],
        [
            "kube-apiserver",
            f"--etcd-servers={etcd_url}",
            f"--cert-dir={folder / 'pki'}",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            "--service-cluster-ip-range=10.97.0.0/24",
            "--endpoint-reconciler-type=none",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={folder / 'sa.key'}",
            f"--service-account-signing-key-file={folder / 'sa.key'}",
            f"--token-auth-file={folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            *flags,
        ],
    ]
    with programs.started(commands, folder) as processes:
        url = f"https://127.0.0.1:{port}"
        _wait(url, processes[1], folder / "kube-apiserver.log")
        yield _server(url, folder)


def _server(url: str, folder: Path) -> ApiServer:
    ca = folder / "pki" / "apiserver.crt"
    path = folder / "kubeconfig.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "funkhaus-local",
                "clusters": [
                    {"name": "c", "cluster": {"server": url, "certificate-authority": str(ca)}}
                ],
                "users": [{"name": "admin", "user": {"token": ADMIN_TOKEN}}],
                "contexts": [
                    {"name": "funkhaus-local", "context": {"cluster": "c", "user": "admin"}}
                ],
            }
        )
    )
    return ApiServer(url=url, kubeconfig=path, ca=ca)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    request = urllib.request.Request(  # noqa: S310 - our own https address
        f"{url}/readyz", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}
    )
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with opener.open(request, timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"kube-apiserver did not become ready:\n{log.read_text()[-3000:]}")
