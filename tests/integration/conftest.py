"""A real Postgres for tests that need one: this run's own, or the one that
FUNKHAUS_TEST_DATABASE_URL names (`{}` stands for the database). And a stage for the controller on a real kube-apiserver.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from funkhaus.domain.kinds import TENANT_NAMESPACE
from funkhaus.kube import KubeCluster
from tests.support.databases import database, empty_database, postgres

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.test_controller import Stage
    from tests.support.apiserver import ApiServer

__all__ = ["account", "database", "empty_database", "postgres", "stage"]
CHART = Path(__file__).resolve().parents[2] / "helm" / "funkhaus"
SYSTEM = "funkhaus-system"


@pytest.fixture(scope="session")
def account(apiserver: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart's roles in the cluster, and a kubeconfig of the controller's own account."""
    apiserver.kubectl("create", "namespace", SYSTEM)
    templates = (
        "controller/rbac.yaml",
        "controller/guard.yaml",
        "tenant-rbac.yaml",
        "api/rbac.yaml",
    )
    shown = [word for name in templates for word in ("-s", f"templates/{name}")]
    rendered = subprocess.run(
        ["helm", "template", "funkhaus", str(CHART), "-n", SYSTEM, "--set", "workloads=false",
         "--set", "webhook.url=https://127.0.0.1:8743", "--set", "registry.host=r", *shown],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    apiserver.kubectl("apply", "--server-side", "-f", "-", stdin=rendered)
    token = apiserver.kubectl("create", "token", "funkhaus-controller", "-n", SYSTEM).strip()
    config = yaml.safe_load(apiserver.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    path = tmp_path_factory.mktemp("account") / "kubeconfig.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture
async def stage(apiserver: ApiServer, account: Path) -> AsyncIterator[Stage]:
    from tests.integration.test_controller import Stage

    admin = await KubeCluster.connect(str(apiserver.kubeconfig), manager="kubectl")
    made = Stage(admin, account)
    made.admin_config = apiserver.kubeconfig
    await made.furnish()
    yield made
    await admin.delete(TENANT_NAMESPACE, "", made.namespace)
    await admin.close()
