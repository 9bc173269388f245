"""The rights the chart gives the controller and platform admins, asked of a real kube-apiserver."""

from __future__ import annotations

import secrets
import subprocess
from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.errors import PolicyError
from funkhaus.domain.kinds import FUNCTION, NAMESPACE, ROLE_BINDING, SERVICE
from funkhaus.domain.subject import ADMIN_GROUP
from funkhaus.kube import KubeCluster

from .test_controller import ACCOUNT, SYSTEM

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.apiserver import ApiServer

    from .test_controller import Stage

CAN = [
    ("create", "deployments.apps", True),
    ("patch", "functions.funkhaus.dev/status", True),
    ("patch", "functionrevisions.funkhaus.dev/status", True),
    ("patch", "functions.funkhaus.dev", True),
    ("update", "functions.funkhaus.dev", False),
    ("create", "functions.funkhaus.dev", False),
    ("delete", "functions.funkhaus.dev", False),
    ("delete", "tenantnamespaces.funkhaus.dev", False),
    ("create", "runtimes.funkhaus.dev", False),
    ("create", "cronjobs.batch", True),
    ("list", "jobs.batch", True),
    ("create", "jobs.batch", True),
    ("create", "pods/exec", False),
    ("create", "pods/portforward", False),
    ("patch", "cronjobtriggers.funkhaus.dev/status", True),
    ("patch", "cronjobtriggers.funkhaus.dev", True),
    ("patch", "httptriggers.funkhaus.dev", True),
    ("get", "secrets", False),
    ("list", "configmaps", False),
    ("create", "pods", False),
    ("delete", "pods", False),
    ("create", "pods/exec", False),
    ("create", "serviceaccounts/token", False),
    ("create", "clusterroles.rbac.authorization.k8s.io", False),
    ("create", "clusterrolebindings.rbac.authorization.k8s.io", False),
    ("delete", "rolebindings.rbac.authorization.k8s.io", False),
    ("escalate", "clusterroles.rbac.authorization.k8s.io", False),
    ("bind", "clusterroles.rbac.authorization.k8s.io/cluster-admin", False),
    ("bind", "clusterroles.rbac.authorization.k8s.io/funkhaus-tenant-suspended", True),
    ("bind", "clusterroles.rbac.authorization.k8s.io/funkhaus-tenant-admin", True),
    ("impersonate", "users", False),
    ("get", "nodes", False),
    ("create", "persistentvolumeclaims", False),
]


@pytest.mark.parametrize(("verb", "resource", "allowed"), CAN)
def test_its_rights(
    apiserver: ApiServer,
    account: Path,
    verb: str,
    resource: str,
    allowed: bool,  # noqa: FBT001 - pytest hands it on by name
) -> None:
    assert account.exists()
    name, _, rest = resource.partition("/")
    subresource = ["--subresource", rest] if rest and verb != "bind" else []
    target = f"{name}/{rest}" if verb == "bind" else name
    done = subprocess.run(
        ["kubectl", f"--kubeconfig={apiserver.kubeconfig}", "auth", "can-i", verb, target,
         *subresource, "--as", ACCOUNT, "-n", "demo--main"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == ("yes" if allowed else "no"), done.stderr


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"timeout": 31}},
        {"metadata": {"labels": {"a": "b"}}},
        {"metadata": {"annotations": {"a": "b"}}},
        {"metadata": {"finalizers": ["example.com/kept", "funkhaus.dev/x"]}},
    ],
)
async def test_of_what_people_ask_for_it_changes_nothing_but_finalizers(
    stage: Stage, change: dict[str, object]
) -> None:
    place = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": stage.namespace}}
    await stage.admin.apply(place)
    await stage.function()
    kept = {"metadata": {"finalizers": ["example.com/kept"]}}
    await stage.admin.merge_patch(FUNCTION, stage.namespace, "hello", kept)
    cluster = await KubeCluster.connect(str(stage.account), manager="funkhaus-controller")
    try:
        with pytest.raises(PolicyError, match="changes nothing but finalizers"):
            await cluster.merge_patch(FUNCTION, stage.namespace, "hello", change)
        free = {"metadata": {"finalizers": None}}
        stored = await cluster.merge_patch(FUNCTION, stage.namespace, "hello", free)
        assert "finalizers" not in stored["metadata"]
    finally:
        await cluster.close()


API = f"system:serviceaccount:{SYSTEM}:funkhaus-api"
API_CAN = [
    ("list", "deployments.apps", True),
    ("list", "horizontalpodautoscalers.autoscaling", True),
    ("get", "functionrevisions.funkhaus.dev", True),
    ("patch", "functionrevisions.funkhaus.dev", False),
    ("list", "functions.funkhaus.dev", True),
    ("get", "deployments.apps", False),
    ("patch", "deployments.apps", False),
    ("patch", "horizontalpodautoscalers.autoscaling", False),
    ("patch", "functions.funkhaus.dev", False),
    ("get", "secrets", False),
]
"""What the quota ledger's sweeper reads of what runs, and no more."""


@pytest.mark.parametrize(("verb", "resource", "allowed"), API_CAN)
def test_the_api_server_reads_what_runs(
    apiserver: ApiServer,
    account: Path,
    verb: str,
    resource: str,
    allowed: bool,  # noqa: FBT001 - pytest hands it on by name
) -> None:
    assert account.exists()
    done = subprocess.run(
        ["kubectl", f"--kubeconfig={apiserver.kubeconfig}", "auth", "can-i", verb, resource, "--as", API,
         "-n", "demo--main"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == ("yes" if allowed else "no"), done.stderr


ADMINS_MAY = [
    ("list", "functions.funkhaus.dev", True),
    ("patch", "functions.funkhaus.dev", True),
    ("delete", "httptriggers.funkhaus.dev", True),
    ("list", "pods", True),
    ("get", "secrets", False),
    ("create", "deployments.apps", False),
    ("create", "rolebindings.rbac.authorization.k8s.io", False),
]


async def test_platform_admins_reach_functions_in_every_tenants_namespace_and_no_further(
    apiserver: ApiServer, stage: Stage
) -> None:
    def may(verb: str, resource: str, namespace: str) -> bool:
        done = subprocess.run(
            ["kubectl", f"--kubeconfig={apiserver.kubeconfig}", "auth", "can-i", verb, resource,
             "--as", "fh:somebody", "--as-group", ADMIN_GROUP, "-n", namespace],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert done.stdout.strip() in {"yes", "no"}, done.stderr
        return done.stdout.strip() == "yes"

    async with stage.controller():
        await stage.tenant_namespace()

        async def bound() -> bool:
            return (
                await stage.admin.get(ROLE_BINDING, stage.namespace, "funkhaus-admin") is not None
            )

        await stage.until(bound)
    for verb, resource, allowed in ADMINS_MAY:
        assert may(verb, resource, stage.namespace) is allowed, (verb, resource)
        assert not may(verb, resource, "default"), (verb, resource)


async def test_it_writes_in_tenants_namespaces_only(stage: Stage) -> None:
    cluster = await KubeCluster.connect(str(stage.account), manager="funkhaus-controller")
    for namespace in ("kube-system", "default", SYSTEM):
        for kind in (SERVICE, ROLE_BINDING):
            manifest = {
                "apiVersion": kind.api_version,
                "kind": kind.name,
                "metadata": {"namespace": namespace, "name": "x"},
                **(
                    {"spec": {"ports": [{"port": 80}]}}
                    if kind is SERVICE
                    else {
                        "roleRef": {
                            "apiGroup": "rbac.authorization.k8s.io",
                            "kind": "ClusterRole",
                            "name": "funkhaus-tenant-owner",
                        }
                    }
                ),
            }
            with pytest.raises(PolicyError, match="tenants' namespaces only"):
                await cluster.apply(manifest, dry_run=True)
    strangers = f"x{secrets.token_hex(4)}"
    await stage.admin.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": strangers}}
    )
    with pytest.raises(PolicyError, match="tenants' namespaces only"):
        await cluster.delete(NAMESPACE, "", strangers)
    await cluster.close()
