"""Bad input through REST and through kubectl, as the tenant: refused by both, with the same findings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .house import House, Tenant

pytestmark = pytest.mark.cluster


def function(**change: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "runtime": "python3.11",
        "handler": "hello.handler",
        "source": {
            "inline": {"files": {"hello.py": "def handler(event, context):\n    return 'x'\n"}}
        },
    }
    return spec | change


BAD_FUNCTIONS = {
    "unknown runtime": (function(runtime="cobol74"), "spec.runtime"),
    "cpu above the ceiling": (function(resources={"cpu": "3"}), "spec.resources.cpu"),
    "cpu above the ceiling in millicores": (
        function(resources={"cpu": "3000m"}),
        "spec.resources.cpu",
    ),
    "negative cpu": (function(resources={"cpu": "-1"}), "spec.resources.cpu"),
    "cpu with an exponent": (function(resources={"cpu": "1e3"}), "spec.resources.cpu"),
    "cpu in words": (function(resources={"cpu": "2 cores"}), "spec.resources.cpu"),
    "no such memory": (function(resources={"memory": "1 zettabyte"}), "spec.resources.memory"),
    "handler without a dot": (function(handler="handler"), "spec.handler"),
    "handler in a file that is not there": (function(handler="other.handler"), "spec.handler"),
    "source over the limit": (
        function(source={"inline": {"files": {"hello.py": "#" * 60_000, "b.py": "#" * 60_000}}}),
        "spec.source",
    ),
    "timeout of no time": (function(timeout=0), "spec.timeout"),
}
BAD_HOSTS = {
    "outside the suffix": "shop.example.com",
    "another tenant's": "x.other.127-0-0-1.nip.io",
    "suffix without a dot": "evil{id}.127-0-0-1.nip.io",
    "upper case": "Hello.{id}.127-0-0-1.nip.io",
    "trailing dot": "hello.{id}.127-0-0-1.nip.io.",
    "wildcard": "*.{id}.127-0-0-1.nip.io",
    "the suffix's parent": "127-0-0-1.nip.io",
    "with a port": "hello.{id}.127-0-0-1.nip.io:80",
    "an address": "10.0.0.1",
}


def manifest(tenant: Tenant, kind: str, name: str, spec: dict[str, Any]) -> str:
    metadata = {"name": name, "namespace": tenant.cluster_namespace}
    return json.dumps(
        {"apiVersion": "funkhaus.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}
    )


def refused_by_kubectl(tenant: Tenant, kind: str, name: str, spec: dict[str, Any]) -> str:
    ran = tenant.kubectl("apply", "-f", "-", stdin=manifest(tenant, kind, name, spec))
    assert ran.code != 0, f"kubectl let it in: {ran.out}"
    return ran.err


def refused_by_rest(tenant: Tenant, plural: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    path = f"/v1/tenants/{tenant.id}/namespaces/default/{plural}"
    answer = tenant.house.rest(tenant.token, "POST", path, json={"name": name, "spec": spec})
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem: dict[str, Any] = answer.json()
    return problem


@pytest.mark.parametrize("case", BAD_FUNCTIONS)
def test_functions(tenant: Tenant, case: str) -> None:
    spec, path = BAD_FUNCTIONS[case]
    problem = refused_by_rest(tenant, "functions", "bad", spec)
    said = refused_by_kubectl(tenant, "Function", "bad", spec)
    (finding, *_) = [item for item in problem["findings"] if item["path"].startswith(path)]
    assert finding["message"] in said
    assert path in said


@pytest.mark.parametrize("case", BAD_HOSTS)
def test_hosts(tenant: Tenant, case: str) -> None:
    host = BAD_HOSTS[case].format(id=tenant.id)
    spec = {"function": "hello", "host": host}
    problem = refused_by_rest(tenant, "httptriggers", "bad", spec)
    said = refused_by_kubectl(tenant, "HTTPTrigger", "bad", spec)
    (finding, *_) = [item for item in problem["findings"] if item["path"] == "spec.host"]
    assert finding["message"] in said


def test_a_name_of_64_characters(tenant: Tenant) -> None:
    problem = refused_by_rest(tenant, "functions", "a" * 64, function())
    said = refused_by_kubectl(tenant, "Function", "a" * 64, function())
    assert "40" in problem["detail"]
    assert "40" in said


@pytest.mark.parametrize(
    "body", ["{", "[]", "nonsense", '{"name": 3}', '{"name": "x", "sepc": {}}']
)
def test_json_that_is_not(house: House, tenant: Tenant, body: str) -> None:
    path = f"/v1/tenants/{tenant.id}/namespaces/default/functions"
    answer = house.rest(
        tenant.token, "POST", path, content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in {400, 422}
    assert answer.json()["code"]


def test_nothing_was_left_behind(house: House, tenant: Tenant) -> None:
    assert not house.admin_json("get", "fn,htr,fnrev,deploy", "-n", tenant.cluster_namespace)[
        "items"
    ]
