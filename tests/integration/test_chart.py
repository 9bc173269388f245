"""The chart renders in every shape, refuses what it does not know, and its values and schema say the same keys."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from funkhaus.settings import Api, load

CHART = Path(__file__).resolve().parents[2] / "helm" / "funkhaus"
SHAPES = {
    "defaults": ["--set", "registry.host=registry.example.com"],
    "processes outside": [
        *("--set", "registry.host=127.0.0.1:5050", "--set", "workloads=false"),
        *("--set", "webhook.url=https://127.0.0.1:8743"),
    ],
    "older cluster": ["--set", "registry.host=r", "--set", "impersonation.constrained=false"],
    "token webhook": ["--set", "registry.host=r", "--set", "kubectl=webhook"],
    "a gateway": [
        *(
            "--set",
            "registry.host=r",
            "--set",
            "gateway.namespace=edge",
            "--set",
            "gateway.name=public",
        ),
    ],
    "one of each": [
        *("--set", "registry.host=r", "--set", "api.replicas=1"),
        *("--set", "controller.replicas=1", "--set", "webhook.replicas=1"),
    ],
}
SIGN_IN = [
    *SHAPES["defaults"],
    *("--set", "signIn.existingSecret=idp", "--set", "signIn.publicUrl=https://functions.example.com"),
    *("--set", "tenants.deletionGraceDays=7"),
    *("--set", "signIn.redirects=https://ui.example.com/back", "--set", "network.trustedProxies=10.0.0.0/8"),
]  # fmt: skip
WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"}


def helm(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["helm", *words], capture_output=True, text=True, timeout=60, check=False)


def render(*words: str) -> list[dict[str, Any]]:
    done = helm("template", "funkhaus", str(CHART), "--namespace", "funkhaus-system", *words)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


@pytest.mark.parametrize("shape", SHAPES)
def test_it_renders(shape: str) -> None:
    documents = render(*SHAPES[shape])
    names = [
        (doc["kind"], doc["metadata"].get("namespace"), doc["metadata"]["name"])
        for doc in documents
    ]
    assert len(names) == len(set(names))
    kinds = {doc["kind"] for doc in documents}
    assert {"ServiceAccount", "ClusterRole", "ValidatingWebhookConfiguration"} <= kinds
    assert bool(kinds & WORKLOADS) == (shape != "processes outside")


def test_every_workload_is_restricted() -> None:
    for document in render(*SHAPES["defaults"]):
        if document["kind"] not in WORKLOADS:
            continue
        for container in document["spec"]["template"]["spec"]["containers"]:
            context = container["securityContext"]
            assert context["runAsNonRoot"], document["metadata"]["name"]
            assert context["readOnlyRootFilesystem"]
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]


@pytest.mark.parametrize(
    "words",
    [
        ["--set", "registry.hots=x"],
        ["--set", "registry.host=r", "--set", "webhook.timeoutSeconds=30"],
        ["--set", "registry.host=r", "--set", "logLevel=loud"],
        ["--set", "registry.host=r", "--set", "kubectl=token"],
        ["--set", "registry.host=r", "--set", "gateway.name=public"],
        ["--set", "registry.host=r", "--set", "gateway.namespace=edge"],
        ["--set", "registry.host=r", "--set", "tenants.deletionGraceDays=-1"],
        [],
    ],
)
def test_what_it_does_not_know_fails_the_render(words: list[str]) -> None:
    assert helm("template", "funkhaus", str(CHART), *words).returncode != 0


def test_values_and_schema_hold_the_same_keys() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())

    def keys(value: Any, path: str = "") -> set[str]:
        if not isinstance(value, dict):
            return {path}
        return {inner for key, item in value.items() for inner in keys(item, f"{path}.{key}")}

    def schema_keys(node: dict[str, Any], path: str = "") -> set[str]:
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
        inner = node.get("properties")
        if not inner:
            return {path}
        return {
            found for key, item in inner.items() for found in schema_keys(item, f"{path}.{key}")
        }

    assert keys(values) == schema_keys(schema) - {".global"}


def api_pod(*words: str) -> dict[str, Any]:
    (found,) = [
        document
        for document in render(*words)
        if (document["kind"], document["metadata"]["name"]) == ("Deployment", "funkhaus-api")
    ]
    pod: dict[str, Any] = found["spec"]["template"]["spec"]
    return pod


@pytest.mark.parametrize("words", [SHAPES["defaults"], SIGN_IN])
def test_the_api_knows_every_setting_it_is_given(words: list[str]) -> None:
    """And finds each file among what is mounted."""
    pod = api_pod(*words)
    (container,) = [one for one in pod["containers"] if one["name"] == "api"]
    environ = {entry["name"]: entry["value"] for entry in container["env"]}
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    volumes = {one["name"]: one.get("secret", {}).get("items", []) for one in pod["volumes"]}
    for name in [name for name in environ if name.endswith("_FILE")]:
        folder, _, file = environ.pop(name).rpartition("/")
        assert file in [item["path"] for item in volumes[mounts[folder]]], name
        environ[name.removesuffix("_FILE")] = "postgresql+asyncpg://u:p@db/f"
    read = load(Api, environ)
    assert bool(read.oidc) == (words is SIGN_IN)
    assert read.deletion_grace_days == (7 if words is SIGN_IN else Api.deletion_grace_days)
    if words is SIGN_IN:
        assert read.public_url == "https://functions.example.com"
        assert read.login_redirects == "https://ui.example.com/back"
        assert read.trusted_proxies == "10.0.0.0/8"


def test_providers_without_an_address_to_come_back_to_are_refused() -> None:
    words = [*SHAPES["defaults"], "--set", "signIn.existingSecret=idp"]
    done = helm("template", "funkhaus", str(CHART), *words)
    assert done.returncode != 0
    assert "signIn.publicUrl" in done.stderr


@pytest.mark.parametrize("way", ["webhook", "token-request"])
def test_both_processes_hear_how_kubectl_gets_in(way: str) -> None:
    """And without accounts for members nothing is there that could make some."""
    documents = render(*SHAPES["defaults"], "--set", f"kubectl={way}")
    told = [
        entry["value"]
        for document in documents
        if document["kind"] == "Deployment"
        for container in document["spec"]["template"]["spec"]["containers"]
        for entry in container.get("env", [])
        if entry["name"] == "FUNKHAUS_KUBECTL"
    ]
    assert told == [way] * 2
    members = [item for item in documents if "members" in json.dumps(item["metadata"])]
    minting = [
        item for item in documents if "serviceaccounts/token" in json.dumps(item.get("rules"))
    ]
    assert bool(members) == bool(minting) == (way == "token-request")


def test_a_gateway_is_told_to_every_process_and_its_routes_to_the_controller_alone() -> None:
    told, writers = set(), set()
    for document in render(*SHAPES["a gateway"]):
        name = document["metadata"]["name"]
        if document["kind"] == "Deployment":
            containers = document["spec"]["template"]["spec"]["containers"]
            env = [item for one in containers for item in one.get("env") or []]
            told |= {
                name for item in env if item == {"name": "FUNKHAUS_GATEWAY", "value": "edge/public"}
            }
        for rule in document.get("rules") or [] if document["kind"] == "ClusterRole" else []:
            if "gateway.networking.k8s.io" in rule["apiGroups"]:
                assert rule["resources"] == ["httproutes"]
                writers |= {name} if "create" in rule["verbs"] else set()
    assert told == {"funkhaus-api", "funkhaus-webhook", "funkhaus-controller"}
    assert writers == {"funkhaus-controller"}
    for document in render(*SHAPES["defaults"]):
        assert "gateway.networking.k8s.io" not in json.dumps(document)
        assert document["kind"] != "Deployment" or "FUNKHAUS_GATEWAY" not in json.dumps(document)
