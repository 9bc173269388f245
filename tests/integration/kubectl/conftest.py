"""A kube-apiserver that was not told to ask the platform about tokens, with the chart for that case."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support import apiserver as kube
from tests.support.members_house import CHART, SYSTEM, Site, kubeconfig_of

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory, opa_url: str) -> Iterator[Site]:
    """The apiserver with the whole chart, for processes outside; and what its processes reach it by."""
    port, folder = kube.free_port(), tmp_path_factory.mktemp("members")
    with kube.running(folder, "--allow-privileged=true") as started:
        started.kubectl("apply", "--server-side", "-f", str(CHART / "crds"))
        started.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=30s")
        started.kubectl("create", "namespace", SYSTEM)
        rendered = subprocess.run(
            ["helm", "template", "funkhaus", str(CHART), "--namespace", SYSTEM,
             "--set", "workloads=false", "--set", "registry.host=r.example", "--set", "kubectl=token-request",
             "--set", f"webhook.url=https://127.0.0.1:{port}"],
            capture_output=True, text=True, timeout=60, check=True,
        ).stdout  # fmt: skip
        started.kubectl("apply", "--server-side", "-f", "-", stdin=rendered)
        made = [
            kubeconfig_of(started, name, folder) for name in ("funkhaus-api", "funkhaus-webhook")
        ]
        yield Site(started, *made, port, opa_url, folder / "sa.key")
