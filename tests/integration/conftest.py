"""A real Postgres for tests that need one: this run's own, or the one that
FUNKHAUS_TEST_DATABASE_URL names (`{}` stands for the database). And a stage for the controller on a real kube-apiserver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.kinds import TENANT_NAMESPACE
from funkhaus.kube import KubeCluster
from tests.support import chart
from tests.support.databases import database, empty_database, postgres

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.integration.test_controller import Stage
    from tests.support.apiserver import ApiServer

__all__ = ["account", "database", "empty_database", "postgres", "stage"]


@pytest.fixture(scope="session")
def account(apiserver: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart's roles in the cluster, and a kubeconfig of the controller's own account."""
    apiserver.kubectl("create", "namespace", chart.SYSTEM)
    shown = ("controller/rbac.yaml", "controller/guard.yaml", "tenant-rbac.yaml", "api/rbac.yaml")
    chart.apply(apiserver, chart.rendered(show=shown))
    return chart.kubeconfig_of(apiserver, "funkhaus-controller", tmp_path_factory.mktemp("account"))


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
