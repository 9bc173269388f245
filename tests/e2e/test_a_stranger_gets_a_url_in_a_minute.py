"""The promise of the house: source and a handler in, a URL out; and the plain objects to look at afterwards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .house import Tenant, eventually

if TYPE_CHECKING:
    from pathlib import Path

    from .house import House

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def hello(tenant: Tenant, examples: Path) -> Tenant:
    created = tenant.cli("trigger", "http", "create", "hello", "--function-name", "hello")
    assert created.code == 0, created.err
    ran = tenant.deploy("hello", examples / "hello" / "hello.py")
    assert tenant.host("hello") in ran.out
    return tenant


def test_the_ingress_answers(house: House, hello: Tenant) -> None:
    answer = eventually(
        "the ingress", lambda: (r := house.call(hello.host("hello"))).status_code == 200 and r
    )
    assert answer.text


def test_call_through_the_api_answers_the_same(house: House, hello: Tenant) -> None:
    called = hello.cli("function", "call", "hello")
    assert called.code == 0, called.err
    assert called.out.strip() == house.call(hello.host("hello")).text.strip()


def test_kubectl_shows_the_owner_their_function(hello: Tenant) -> None:
    ran = hello.kubectl("get", "fn,httptrigger", "-o", "json")
    assert ran.code == 0, ran.err
    items = {item["kind"]: item for item in json.loads(ran.out)["items"]}
    assert items["Function"]["status"]["urls"] == [items["HTTPTrigger"]["status"]["url"]]


def test_logs_show_the_call(hello: Tenant) -> None:
    hello.cli("function", "call", "hello")
    logs = eventually("a log line", lambda: hello.cli("function", "logs", "hello").out)
    assert "/" in logs


def test_autoscaling_has_a_target_it_can_see(house: House, hello: Tenant) -> None:
    ran = hello.cli("autoscale", "create", "hello", "--min", "1", "--max", "3", "--value", "70")
    assert ran.code == 0, ran.err

    def utilization() -> int | None:
        items = house.admin_json("get", "hpa", "-n", hello.cluster_namespace)["items"]
        metrics = [
            metric for item in items for metric in item["status"].get("currentMetrics") or []
        ]
        known = [
            metric.get("resource", {}).get("current", {}).get("averageUtilization")
            for metric in metrics
        ]
        return next((value for value in known if value is not None), None) is not None

    eventually("the HPA's target", utilization, seconds=120)


def test_an_update_serves_throughout(house: House, hello: Tenant, tmp_path: Path) -> None:
    source = tmp_path / "hello.py"
    source.write_text("def handler(event, context):\n    return 'second edition'\n")
    before = house.admin_json("get", "fn", "hello", "-n", hello.cluster_namespace)["status"][
        "revision"
    ]
    ran = hello.cli("function", "update", "hello", "--from-file", str(source), "--wait")
    assert ran.code == 0, ran.out + ran.err
    eventually(
        "the second edition", lambda: house.call(hello.host("hello")).text == "second edition"
    )
    after = house.admin_json("get", "fn", "hello", "-n", hello.cluster_namespace)["status"][
        "revision"
    ]
    assert after != before
    revisions = house.admin_json("get", "fnrev", "-n", hello.cluster_namespace)["items"]
    assert {before, after} <= {item["metadata"]["name"] for item in revisions}


def test_deleting_leaves_nothing(house: House, hello: Tenant) -> None:
    assert hello.cli("trigger", "http", "delete", "hello", "--yes").code == 0
    assert hello.cli("function", "delete", "hello", "--yes").code == 0

    def left() -> list[str]:
        ran = house.kubectl(
            "get",
            "fn,htr,fnrev,deploy,rs,pod,svc,hpa,ing,sa",
            "-n",
            hello.cluster_namespace,
            "-o",
            "name",
        )
        return [name for name in ran.out.split() if not name.endswith("/default")]

    eventually("an empty namespace", lambda: not left(), seconds=120)
