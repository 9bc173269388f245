"""The quota on the running house: filled to the brim, refused in the same words, raised by somebody else, given back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .house import Tenant, eventually

if TYPE_CHECKING:
    from pathlib import Path

    from .house import House, Ran
    from .visitor import Visitor

pytestmark = pytest.mark.cluster
FULL = ("--cpu", "1", "--memory", "64Mi")
"""Four replicas of this are all the CPU that a namespace of plan small may hold."""


def used_cpu(tenant: Tenant) -> str:
    table = tenant.cli("quota", "show", "--tenant", tenant.id).out
    line = next(line for line in table.splitlines() if line.startswith("CPU"))
    return line.split()[2]


def deploy(tenant: Tenant, name: str, examples: Path, *more: str) -> Ran:
    return tenant.cli(
        "function", "deploy", name, "--runtime", "python3.11", "--handler", "hello.handler",
        "--from-file", str(examples / "hello" / "hello.py"), *more,
    )  # fmt: skip


def manifest(tenant: Tenant, name: str, cpu: str) -> str:
    return json.dumps(
        {
            "apiVersion": "funkhaus.dev/v1alpha1",
            "kind": "Function",
            "metadata": {"name": name, "namespace": tenant.cluster_namespace},
            "spec": {
                "runtime": "python3.11",
                "handler": "hello.handler",
                "source": {"inline": {"files": {"hello.py": "def handler(e, c): return ''\n"}}},
                "resources": {"cpu": cpu, "memory": "64Mi"},
            },
        }
    )


def test_full_refused_asked_granted_and_given_back(
    tenant: Tenant, approver: Visitor, admin_token: str, house: House, examples: Path
) -> None:
    made = deploy(tenant, "brim", examples, *FULL)
    assert made.code == 0, made.err
    grown = tenant.cli("autoscale", "create", "brim", "--min", "1", "--max", "4", "--value", "70")
    assert grown.code == 0, grown.err
    eventually("all of it is used", lambda: used_cpu(tenant) == "4")

    by_cli = deploy(tenant, "over", examples, "--cpu", "100m", "--memory", "64Mi")
    by_kubectl = tenant.kubectl("apply", "-f", "-", stdin=manifest(tenant, "over", "100m"))
    assert by_cli.code != 0
    assert by_kubectl.code != 0
    sentence = by_cli.err.splitlines()[1].strip()
    assert "namespace" in sentence
    assert "4" in sentence
    assert sentence in by_kubectl.err

    dry = tenant.kubectl(
        "apply", "--dry-run=server", "-f", "-", stdin=manifest(tenant, "over", "100m")
    )
    assert sentence in dry.err

    asked = tenant.cli(
        "quota", "request", "--tenant", tenant.id, "--namespace", tenant.namespace,
        "--cpu", "1", "--reason", "the fair", "--days", "1", "-o", "json",
    )  # fmt: skip
    assert asked.code == 0, asked.err
    request = json.loads(asked.out)["id"]
    own = tenant.cli("quota", "approve", request, "--tenant", tenant.id)
    assert own.code != 0
    behind = house.cli(admin_token, "quota", "approve", request, "--tenant", tenant.id)
    assert "nor on that of a token they issued" in behind.err
    approver.done("quota", "approve", request, "--tenant", tenant.id)

    passes = tenant.kubectl("apply", "-f", "-", stdin=manifest(tenant, "over", "100m"))
    assert passes.code == 0, passes.err
    assert tenant.cli("function", "delete", "over", "--yes").code == 0
    assert tenant.cli("function", "delete", "brim", "--yes").code == 0
    eventually("everything given back", lambda: used_cpu(tenant) == "0")
