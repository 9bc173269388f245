"""Two tenants side by side: by REST, by kubectl and over the pod network."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .house import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .house import House, Tenant

pytestmark = pytest.mark.cluster
PROBE = '''
import json, socket, urllib.request

def handler(event, context):
    """Try to reach each address of the request; say what happened."""
    said = {}
    for target in event["data"]["targets"]:
        host, _, port = target.rpartition(":")
        try:
            with socket.create_connection((host, int(port)), timeout=2):
                said[target] = "open"
        except OSError as error:
            said[target] = type(error).__name__
    return json.dumps(said)
'''


@pytest.fixture(scope="module")
def blue(new_tenant: Callable[[], Tenant]) -> Tenant:
    return new_tenant()


@pytest.fixture(scope="module")
def red(new_tenant: Callable[[], Tenant], examples: Path) -> Tenant:
    tenant = new_tenant()
    tenant.deploy("hello", examples / "hello" / "hello.py")
    return tenant


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/namespaces",
        "/namespaces/default/functions",
        "/namespaces/default/functions/hello",
        "/tokens",
    ],
)
def test_b22_the_neighbour_reads_as_absent(
    house: House, blue: Tenant, red: Tenant, path: str
) -> None:
    theirs = house.rest(blue.token, "GET", f"/v1/tenants/{red.id}{path}")
    nobodys = house.rest(blue.token, "GET", f"/v1/tenants/nobody-there{path}")
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.json()["detail"].replace(red.id, "nobody-there") == nobodys.json()["detail"]


def test_writing_there_reads_as_absent_too(house: House, blue: Tenant, red: Tenant) -> None:
    answer = house.rest(
        blue.token, "DELETE", f"/v1/tenants/{red.id}/namespaces/default/functions/hello"
    )
    assert answer.status_code == 404
    assert red.cli("function", "call", "hello").code == 0


@pytest.mark.parametrize("what", ["fn", "pods", "secrets", "deploy", "ing"])
def test_b22_kubectl_is_forbidden_there(house: House, blue: Tenant, red: Tenant, what: str) -> None:
    ran = house.kubectl("get", what, "-n", red.cluster_namespace, token=blue.token)
    assert ran.code != 0
    assert "forbidden" in ran.err.lower()


@pytest.mark.parametrize(
    ("verb", "what"),
    [
        ("create", "deployments"),
        ("create", "pods"),
        ("create", "ingresses.networking.k8s.io"),
        ("create", "horizontalpodautoscalers.autoscaling"),
        ("delete", "networkpolicies.networking.k8s.io"),
        ("create", "rolebindings.rbac.authorization.k8s.io"),
        ("patch", "namespaces"),
        ("create", "functionrevisions.funkhaus.dev"),
        ("patch", "functions.funkhaus.dev --subresource=status"),
        ("create", "serviceaccounts --subresource=token"),
        ("create", "pods --subresource=exec"),
        ("impersonate", "users"),
    ],
)
def test_b15_b23_an_owner_may_not_step_around_the_house(blue: Tenant, verb: str, what: str) -> None:
    assert blue.kubectl("auth", "can-i", verb, *what.split()).out.strip() == "no"


COMMANDS = [
    "exec POD -- true",
    "attach POD",
    "port-forward POD :8080",
    "get --raw /api/v1/namespaces/NAMESPACE/pods/POD/proxy/",
    "debug POD --image=busybox -- true",
    "delete pod POD",
    "scale deployment DEPLOYMENT --replicas=9",
    "set resources deployment DEPLOYMENT --limits=cpu=8",
    "expose deployment DEPLOYMENT --port=80 --type=LoadBalancer --name=x",
    "create ingress x --rule=evil.example.com/=hello:80",
    "create service externalname x --external-name=evil.example.com",
    "create deployment x --image=busybox",
    "create job x --image=busybox",
    "create cronjob x --image=busybox --schedule=@hourly",
    "run x --image=busybox",
    "create token hello",
    "cordon NODE",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_b02_b03_b04_b11_b12_b25_b33_kubectl_s_own_commands_are_forbidden(
    house: House, red: Tenant, command: str
) -> None:
    names = {"NAMESPACE": red.cluster_namespace}
    for kind, what in (("POD", "pods"), ("DEPLOYMENT", "deployments")):
        found = house.admin_json("get", what, "-n", red.cluster_namespace)["items"]
        names[kind] = found[0]["metadata"]["name"]
    names["NODE"] = house.admin_json("get", "nodes")["items"][0]["metadata"]["name"]
    for word, name in names.items():
        command = command.replace(word, name)
    ran = red.kubectl(*command.split())
    assert ran.code != 0
    assert "forbidden" in (ran.out + ran.err).lower()


def test_b10_what_runs_is_not_orphaned(red: Tenant) -> None:
    """Kubernetes' collector would let its replicas go on, with nobody to charge them to."""
    ran = red.kubectl("delete", "fn", "hello", "--cascade=orphan")
    assert ran.code != 0
    assert "delete it without --cascade=orphan" in ran.err
    assert red.cli("function", "call", "hello").code == 0


def test_b23_no_secret_gets_a_service_account_s_token(red: Tenant) -> None:
    annotations = {"kubernetes.io/service-account.name": "hello"}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/service-account-token",
        "metadata": {"name": "lasting", "annotations": annotations},
    }
    ran = red.kubectl("create", "-f", "-", stdin=json.dumps(secret))
    assert ran.code != 0
    assert "no Secret of a tenant holds a token of a service account" in ran.err
    assert red.kubectl("get", "secret", "lasting").code != 0


def test_pods_do_not_reach_the_neighbour_or_the_node(
    house: House, blue: Tenant, red: Tenant, tmp_path: Path
) -> None:
    source = tmp_path / "probe.py"
    source.write_text(PROBE)
    blue.deploy("probe", source)
    pods = house.admin_json("get", "pods", "-n", red.cluster_namespace)["items"]
    service = house.admin_json("get", "svc", "hello", "-n", red.cluster_namespace)["spec"]
    apiserver = house.server.removeprefix("https://")
    node = apiserver.rpartition(":")[0]
    targets = [
        f"{pods[0]['status']['podIP']}:8080",
        f"{service['clusterIP']}:{service['ports'][0]['port']}",
        apiserver,
        "10.96.0.1:443",
        f"{node}:10250",
        *(f"{node}:{port}" for port in (5050, 8088, 8181, 5433, 8780, 8743)),
    ]
    answer = eventually(
        "the probe",
        lambda: (
            (r := blue.cli("function", "call", "probe", "--data", _json(targets))).code == 0 and r
        ),
    )
    assert '"open"' not in answer.out, answer.out
    own = house.admin_json("get", "pods", "-n", blue.cluster_namespace)["items"][0]["status"][
        "podIP"
    ]
    control = blue.cli("function", "call", "probe", "--data", _json([f"{own}:8080"]))
    assert '"open"' in control.out, "the probe can't tell open from closed"


def _json(targets: list[str]) -> str:
    return json.dumps({"targets": targets})
