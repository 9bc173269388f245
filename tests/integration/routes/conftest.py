"""A house with a Gateway: a kube-apiserver with Contour and Envoy before it, and a controller that is told of them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.kinds import TENANT_NAMESPACE
from funkhaus.kube import KubeCluster
from tests.integration.test_controller import Stage
from tests.support import apiserver as apiservers
from tests.support import chart, contour

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.support.contour import Edge

GATEWAY = f"{contour.NAMESPACE}/{contour.GATEWAY}"
VALUES = ("--set", f"gateway.namespace={contour.NAMESPACE},gateway.name={contour.GATEWAY}")
SHOWN = ("controller/rbac.yaml", "controller/guard.yaml", "tenant-rbac.yaml")


@pytest.fixture(scope="session")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """The proxy, and behind `edge.apiserver` the platform's kinds and the chart's roles."""
    with ExitStack() as stack:
        server = stack.enter_context(apiservers.running(tmp_path_factory.mktemp("apiserver")))
        chart.prepare(server)
        chart.apply(server, chart.rendered(*VALUES, show=SHOWN))
        yield stack.enter_context(contour.running(tmp_path_factory.mktemp("edge"), server))


@pytest.fixture(scope="session")
def account(edge: Edge, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The controller's own."""
    folder = tmp_path_factory.mktemp("account")
    return chart.kubeconfig_of(edge.apiserver, "funkhaus-controller", folder)


@pytest.fixture
async def stage(edge: Edge, account: Path) -> AsyncIterator[Stage]:
    """A tenant of its own there."""
    admin = await KubeCluster.connect(str(edge.apiserver.kubeconfig), manager="kubectl")
    made = Stage(admin, account)
    made.admin_config = edge.apiserver.kubeconfig
    await made.furnish()
    yield made
    await admin.delete(TENANT_NAMESPACE, "", made.namespace)
    await admin.close()
