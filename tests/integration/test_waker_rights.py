"""The rights the chart gives the waker, asked of a real kube-apiserver: it looks, and wakes what sleeps."""

from __future__ import annotations

import secrets
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.errors import PolicyError
from funkhaus.domain.kinds import DEPLOYMENT, ENDPOINT_SLICE, INGRESS, POD, SERVICE
from funkhaus.kube import KubeCluster
from tests.support import chart

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.apiserver import ApiServer

ACCOUNT = f"system:serviceaccount:{chart.SYSTEM}:funkhaus-waker"
CAN = [
    ("list", "ingresses.networking.k8s.io", True),
    ("list", "pods", True),
    ("watch", "pods", True),
    ("get", "services", True),
    ("get", "endpointslices.discovery.k8s.io", True),
    ("get", "deployments.apps/scale", True),
    ("patch", "deployments.apps/scale", True),
    ("update", "deployments.apps/scale", False),
    ("get", "deployments.apps", False),
    ("patch", "deployments.apps", False),
    ("patch", "statefulsets.apps/scale", False),
    ("patch", "endpointslices.discovery.k8s.io", False),
    ("patch", "services", False),
    ("get", "pods/log", False),
    ("create", "pods/exec", False),
    ("create", "pods", False),
    ("get", "secrets", False),
    ("get", "configmaps", False),
    ("get", "functions.funkhaus.dev", False),
    ("patch", "functions.funkhaus.dev/status", False),
    ("create", "serviceaccounts/token", False),
    ("get", "nodes", False),
    ("impersonate", "users", False),
]


@pytest.fixture(scope="module")
def waker(apiserver: ApiServer, account: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kubeconfig of the waker's own account; the controller's chart is there as well."""
    assert account.exists()
    chart.apply(apiserver, chart.rendered(show=("waker/rbac.yaml", "waker/guard.yaml")))
    return chart.kubeconfig_of(apiserver, "funkhaus-waker", tmp_path_factory.mktemp("waker"))


@pytest.mark.parametrize(("verb", "resource", "allowed"), CAN)
def test_its_rights(
    apiserver: ApiServer,
    waker: Path,
    verb: str,
    resource: str,
    allowed: bool,  # noqa: FBT001 - pytest hands it on by name
) -> None:
    assert waker.exists()
    name, _, rest = resource.partition("/")
    subresource = ["--subresource", rest] if rest else []
    done = subprocess.run(
        ["kubectl", f"--kubeconfig={apiserver.kubeconfig}", "auth", "can-i", verb, name, *subresource,
         "--as", ACCOUNT, "-n", "demo--main"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == ("yes" if allowed else "no"), done.stderr


@pytest.fixture
async def hands(
    apiserver: ApiServer, waker: Path
) -> AsyncIterator[tuple[KubeCluster, KubeCluster]]:
    """The admin's and the waker's."""
    admin = await KubeCluster.connect(str(apiserver.kubeconfig), manager="kubectl")
    own = await KubeCluster.connect(str(waker), manager="funkhaus-waker")
    yield admin, own
    await admin.close()
    await own.close()


def deployment(namespace: str, replicas: int) -> dict[str, Any]:
    container = {"name": "c", "image": "registry.test/x@sha256:" + "a" * 64}
    return {
        "apiVersion": DEPLOYMENT.api_version,
        "kind": DEPLOYMENT.name,
        "metadata": {"namespace": namespace, "name": "hello"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "hello"}},
            "template": {
                "metadata": {"labels": {"app": "hello"}},
                "spec": {"containers": [container]},
            },
        },
    }


async def test_it_sets_replicas_from_none_to_one_in_tenants_namespaces_and_nothing_else(
    hands: tuple[KubeCluster, KubeCluster],
) -> None:
    admin, own = hands
    tenants, others = f"t{secrets.token_hex(4)}--main", f"x{secrets.token_hex(4)}"
    for namespace in (tenants, others):
        await admin.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        )
        await admin.apply(deployment(namespace, 0))
    with pytest.raises(PolicyError, match="tenants' namespaces only"):
        await own.rescale(DEPLOYMENT, others, "hello", was=0, to=1)
    with pytest.raises(PolicyError, match="from 0 to 1 only"):
        await own.rescale(DEPLOYMENT, tenants, "hello", was=0, to=2)
    assert await own.rescale(DEPLOYMENT, tenants, "hello", was=0, to=1)
    for to in (0, 2, 1):
        with pytest.raises(PolicyError, match="from 0 to 1 only"):
            await own.rescale(DEPLOYMENT, tenants, "hello", was=1, to=to)
    assert await own.list(POD, fields={"status.podIP": "10.244.0.7"}) == []
    assert await own.list(SERVICE, fields={"spec.clusterIP": "10.97.0.200"}) == []
    assert await own.list(INGRESS, labels={"funkhaus.dev/host": "x"}) == []
    assert await own.get(ENDPOINT_SLICE, tenants, "hello-waker") is None
