"""A function with dependencies on the node, from an index of the test's own: no internet is asked."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.support.wheels import wheel

from .house import eventually
from .shelf import build_image, shelf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .house import House, Tenant

pytestmark = pytest.mark.cluster
INDEX = os.environ.get("FUNKHAUS_TEST_INDEX_NAMESPACE", "funkhaus-index")
"""Where the local cluster's builds look for a Service `index`."""
SOURCE = """
import greeting

def handler(event, context):
    return greeting.WORD
"""
PROBE = """
import socket, sys
for target in sys.argv[1:]:
    host, _, port = target.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=3):
            print(target, "open")
    except OSError as error:
        print(target, type(error).__name__)
"""


@pytest.fixture(scope="module")
def index(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A package index in the cluster, with `greeting` 1.0 and 2.0."""
    folder = tmp_path_factory.mktemp("index")
    for version, word in (("1.0", "moin"), ("2.0", "moin moin")):
        wheel(folder, "greeting", version, {"greeting/__init__.py": f"WORD = {word!r}\n"})
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    with shelf(house, INDEX, "index", files):
        yield


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "shop.py"
    path.write_text(SOURCE)
    return path


def requirements(folder: Path, text: str) -> str:
    path = folder / "requirements.txt"
    path.write_text(text)
    return str(path)


def jobs(tenant: Tenant) -> list[str]:
    listed = tenant.house.admin_json("get", "jobs", "-n", tenant.cluster_namespace)["items"]
    return [job["metadata"]["name"] for job in listed]


@pytest.mark.usefixtures("index")
def test_packages_are_installed_once_and_found(
    tenant: Tenant, source: Path, tmp_path: Path
) -> None:
    wanted = requirements(tmp_path, "# what we say\ngreeting==1.0\n")
    ran = tenant.deploy("shop", source, "--dependencies", wanted)
    assert "Built: job shop-build-" in ran.err, "the wait shows the build"
    eventually("it answers", lambda: tenant.cli("function", "call", "shop").out == "moin")
    log = tenant.cli("build", "logs", "shop")
    assert "Successfully installed greeting-1.0" in log.out, log.err
    eventually("the job is gone", lambda: not jobs(tenant))

    ran = tenant.deploy(
        "other", source, "--dependencies", requirements(tmp_path, "greeting == 1.0")
    )
    assert "other-build-" not in ran.err, "the layer was there"
    assert jobs(tenant) == []

    broken = requirements(tmp_path, "greeting==9.9\n")
    ran = tenant.cli("function", "update", "shop", "--dependencies", broken, "--wait")
    assert ran.code != 0
    assert "No matching distribution found for greeting==9.9" in ran.err
    assert tenant.cli("function", "call", "shop").out == "moin", "what served goes on serving"
    assert "No matching distribution" in tenant.cli("build", "logs", "shop").out

    fixed = requirements(tmp_path, "greeting==2.0\n")
    ran = tenant.cli("function", "update", "shop", "--dependencies", fixed, "--wait")
    assert ran.code == 0, ran.err
    eventually(
        "the other version", lambda: tenant.cli("function", "call", "shop").out == "moin moin"
    )


def test_another_index_is_refused_in_words(tenant: Tenant, source: Path, tmp_path: Path) -> None:
    wanted = requirements(tmp_path, "greeting==1.0\n--index-url https://evil.example.com/\n")
    ran = tenant.cli(
        "function", "deploy", "evil", "-r", "python3.11", "--handler", "shop.handler", "-f", str(source), "-d", wanted,
    )  # fmt: skip
    assert ran.code != 0
    assert "line 2 names a package index; the platform's own is the only one" in ran.err


@pytest.mark.usefixtures("index")
def test_a_build_s_pod_reaches_the_index_alone(house: House, tenant: Tenant) -> None:
    apiserver = house.server.removeprefix("https://")
    node = apiserver.rpartition(":")[0]
    closed = ["10.96.0.1:443", apiserver, f"{node}:5050", f"{node}:8780", f"{node}:10250"]
    amounts = {"cpu": "100m", "memory": "64Mi"}
    container = {
        "name": "build",
        "image": build_image(house),
        "command": ["python3", "-c", PROBE, f"index.{INDEX}:8080", *closed],
        "resources": {"limits": amounts, "requests": amounts},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "namespace": tenant.cluster_namespace,
            "name": "probe",
            "labels": {"funkhaus.dev/build": "probe"},
        },
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
        },
    }
    made = house.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    assert made.code == 0, made.err
    at = ("-n", tenant.cluster_namespace)
    ended = ("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/probe", *at, "--timeout=15s")
    eventually("the probe", lambda: house.kubectl(*ended).code == 0)
    said = house.kubectl("logs", "probe", *at).out.splitlines()
    assert said[0] == f"index.{INDEX}:8080 open", "the probe can tell open from closed"
    assert len(said) == 1 + len(closed)
    assert not [line for line in said[1:] if line.endswith("open")]
