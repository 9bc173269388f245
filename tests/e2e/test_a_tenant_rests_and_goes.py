"""A tenant is suspended and resumed, deleted and taken back, and in the end gone with everything it had."""

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

REASON = "invoice 17 is unpaid"


@pytest.fixture(scope="module")
def hello(tenant: Tenant, examples: Path) -> str:
    """A function with a URL that answers; its host."""
    tenant.deploy("hello", examples / "hello" / "hello.py", "--tenant", tenant.id)
    wide = ("--min", "1", "--max", "3", "--tenant", tenant.id)
    scaled = tenant.cli("autoscale", "create", "hello", *wide)
    assert scaled.code == 0, scaled.err
    made = tenant.cli(
        "trigger", "http", "create", "hello", "--function-name", "hello", "--tenant", tenant.id
    )
    assert made.code == 0, made.err
    host = tenant.host("hello")
    eventually(f"http://{host}/", lambda: tenant.house.call(host).status_code == 200)
    return host


def manifest(tenant: Tenant, name: str) -> str:
    """A function as kubectl applies it."""
    source = {"inline": {"files": {"hello.py": "def handler(event, context):\n    return 1\n"}}}
    spec = {"runtime": "python3.11", "handler": "hello.handler", "source": source}
    document = {
        "apiVersion": "funkhaus.dev/v1alpha1",
        "kind": "Function",
        "metadata": {"name": name, "namespace": tenant.cluster_namespace},
        "spec": spec,
    }
    return json.dumps(document)


def answers(house: House, host: str) -> bool:
    return house.call(host).status_code == 200


def is_silent(house: House, host: str) -> bool:
    return house.call(host).status_code in {502, 503, 504}


def test_suspended_it_answers_nobody_and_says_why_and_resumed_it_answers_again(
    house: House, tenant: Tenant, admin_token: str, hello: str
) -> None:
    done = house.cli(admin_token, "tenant", "suspend", tenant.id, "--reason", REASON)
    assert done.code == 0, done.err
    eventually("no answer", lambda: is_silent(house, hello))
    pods = ("get", "pods", "-n", tenant.cluster_namespace, "-l", "funkhaus.dev/function=hello")
    eventually("no pod", lambda: house.admin_json(*pods)["items"] == [])
    applied = eventually(
        "kubectl's refusal in our words",
        lambda: (
            (ran := tenant.kubectl("apply", "-f", "-", stdin=manifest(tenant, "other"))).code
            and ran
        ),
    )
    assert REASON in applied.err
    assert f"funkhaus tenant resume {tenant.id}" in applied.err
    refused = tenant.cli("function", "update", "hello", "--tenant", tenant.id, "--timeout", "31")
    assert refused.code != 0
    assert REASON in refused.err
    described = tenant.kubectl("get", "fn", "hello", "-o", "json")
    assert described.code == 0, described.err
    ready = [
        item
        for item in json.loads(described.out)["status"]["conditions"]
        if item["type"] == "Ready"
    ]
    assert [item["reason"] for item in ready] == ["TenantSuspended"]
    eventually(  # kube-apiserver remembers a token's groups for ten seconds
        "no Secrets meanwhile",
        lambda: tenant.kubectl("auth", "can-i", "get", "secrets").out.strip() == "no",
    )

    done = house.cli(admin_token, "tenant", "resume", tenant.id)
    assert done.code == 0, done.err
    eventually("an answer again", lambda: answers(house, hello), seconds=120)
    again = tenant.kubectl("apply", "-f", "-", stdin=manifest(tenant, "other"))
    assert again.code == 0, again.err


def test_deleted_it_rests_and_is_taken_back(house: House, tenant: Tenant, hello: str) -> None:
    done = tenant.cli("tenant", "delete", tenant.id, "--yes")
    assert done.code == 0, done.err
    eventually("no answer", lambda: is_silent(house, hello))
    refused = tenant.cli("namespace", "create", "more", "--tenant", tenant.id)
    assert f"funkhaus tenant undelete {tenant.id}" in refused.err
    done = tenant.cli("tenant", "undelete", tenant.id)
    assert done.code == 0, done.err
    eventually("an answer again", lambda: answers(house, hello), seconds=120)


def test_without_a_grace_it_is_gone_and_its_id_spent(
    house: House, new_tenant: Callable[[], Tenant], admin_token: str, examples: Path
) -> None:
    doomed = new_tenant()
    doomed.deploy("hello", examples / "hello" / "hello.py", "--tenant", doomed.id)
    flags = ("--grace-days", "0", "--reason", "a test", "--yes")
    done = house.cli(admin_token, "tenant", "delete", doomed.id, *flags)
    assert done.code == 0, done.err
    eventually(
        "the tenant's end",
        lambda: house.rest(admin_token, "GET", f"/v1/tenants/{doomed.id}").status_code == 404,
        seconds=180,
    )
    left = house.kubectl("get", "namespace,tenantnamespace", "-o", "name").out
    assert doomed.id not in left
    assert house.rest(doomed.token, "GET", "/v1/me").status_code == 401
    eventually(
        "kubectl's refusal",
        lambda: house.kubectl("get", "fn", "-n", doomed.cluster_namespace, token=doomed.token).code,
        seconds=30,
    )
    again = house.cli(admin_token, "tenant", "create", doomed.id)
    assert again.code != 0
    assert "an id is given out once" in again.err
