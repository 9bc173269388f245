"""Scale to zero on the running house: nobody calls and nothing runs; somebody does and is answered."""

from __future__ import annotations

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from .house import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .house import House, Tenant

pytestmark = pytest.mark.cluster
IDLE = "10"
PATIENCE = 180
"""Seconds for going to sleep: the idle time, and a machine that has other work."""
CALLS = """
import json, urllib.error, urllib.request

def handler(event, context):
    said = {}
    for url, host in event["data"]:
        request = urllib.request.Request(url, headers={"Host": host} if host else {})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                said[url + " " + host] = [answer.status, answer.read().decode()]
        except urllib.error.HTTPError as error:
            said[url + " " + host] = [error.code, error.read().decode()]
        except OSError as error:
            said[url + " " + host] = [0, str(error)]
    return json.dumps(said)
"""


@pytest.fixture(scope="module")
def red(
    new_tenant: Callable[[], Tenant], examples: Path, tmp_path_factory: pytest.TempPathFactory
) -> Tenant:
    """A tenant with a function that sleeps, one with a URL that does, and one that calls."""
    tenant = new_tenant()
    source = tmp_path_factory.mktemp("red") / "calls.py"
    source.write_text(CALLS)
    for name, most in (("hello", "1"), ("quiet", "2")):  # the second has an autoscaler
        tenant.deploy(name, examples / "hello" / "hello.py", "--memory", "64Mi")
        sleeps(tenant, name, most)
    tenant.deploy("calls", source, "--memory", "64Mi")
    made = tenant.cli("trigger", "http", "create", "hello", "--function-name", "hello")
    assert made.code == 0, made.err
    return tenant


def sleeps(tenant: Tenant, name: str, most: str) -> None:
    ran = tenant.cli("autoscale", "create", name, "--min", "0", "--max", most, "--idle", IDLE)
    assert ran.code == 0, ran.err


def reason(tenant: Tenant, name: str) -> str:
    found = tenant.house.admin_json("get", "fn", name, "-n", tenant.cluster_namespace)
    ready = [item for item in found["status"]["conditions"] if item["type"] == "Ready"]
    return str(ready[0]["reason"])


def asleep(tenant: Tenant, name: str) -> None:
    eventually(f"{name} sleeps", lambda: reason(tenant, name) == "Asleep", PATIENCE)
    eventually(f"{name} has no pod", lambda: not pods(tenant, name), PATIENCE)


def pods(tenant: Tenant, name: str) -> list[str]:
    selector = f"funkhaus.dev/function={name}"
    found = tenant.house.admin_json("get", "pods", "-n", tenant.cluster_namespace, "-l", selector)
    return [item["metadata"]["name"] for item in found["items"]]


def in_service(tenant: Tenant, name: str) -> bool:
    return (
        tenant.house.kubectl(
            "get", "endpointslice", f"{name}-waker", "-n", tenant.cluster_namespace
        ).code
        == 0
    )


def counted(line: str) -> float:
    """A counter of the waker's, over its labels."""
    base = os.environ.get("FUNKHAUS_WAKER_OPS", "http://127.0.0.1:8751")
    text = httpx.get(f"{base}/metrics", timeout=20, trust_env=False).text
    return sum(
        float(found) for found in re.findall(rf"^{line}(?:{{.*}})? (.*)$", text, re.MULTILINE)
    )


def generation(tenant: Tenant, name: str) -> int:
    """How often the Deployment that serves was changed: each scale-up is one."""
    selector = f"funkhaus.dev/function={name}"
    found = tenant.house.admin_json("get", "deploy", "-n", tenant.cluster_namespace, "-l", selector)
    (one,) = found["items"]
    return int(one["metadata"]["generation"])


def test_fifty_first_calls_are_one_scale_up_and_warm_ones_pass_nobody(
    house: House, red: Tenant
) -> None:
    asleep(red, "hello")
    described = red.cli("function", "describe", "hello")
    assert "asleep, the next call wakes it" in described.out, described.out
    before, wakes = generation(red, "hello"), counted("funkhaus_waker_wakes_total")
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: house.call(red.host("hello")), range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert generation(red, "hello") == before + 1
    assert counted("funkhaus_waker_wakes_total") - wakes >= 1
    eventually("the waker is out of the Service", lambda: not in_service(red, "hello"))

    def warm() -> bool:
        """Whether ten calls in a row leave the waker's counter where it is: proxies hear of the change a moment later."""
        passed = counted("funkhaus_waker_calls_total")
        assert {house.call(red.host("hello")).status_code for _ in range(10)} == {200}
        return counted("funkhaus_waker_calls_total") == passed

    eventually("warm calls pass nobody", warm)


def test_the_api_wakes_it_too(red: Tenant) -> None:
    asleep(red, "quiet")
    ran = red.cli("function", "call", "quiet")
    assert ran.code == 0, ran.err


def test_a_schedule_wakes_it(red: Tenant) -> None:
    """The trigger's own pod calls as soon as it runs, before Kubernetes has told its address to anybody."""
    asleep(red, "quiet")
    made = red.cli(
        "trigger", "cronjob", "create", "wakes", "--function", "quiet", "--schedule", "* * * * *"
    )
    assert made.code == 0, made.err
    try:

        def last() -> dict[str, Any]:
            shown = red.cli("trigger", "cronjob", "describe", "wakes", "-o", "json")
            found: dict[str, Any] = json.loads(shown.out)["status"].get("lastRun") or {}
            return found if found.get("result") in {"Succeeded", "Failed"} else {}

        run = eventually("a run", last, PATIENCE)
        assert (run["result"], run["exitCode"]) == ("Succeeded", 0), run
    finally:
        gone = red.cli("trigger", "cronjob", "delete", "wakes", "--yes")
    assert gone.code == 0, gone.err


def test_a_route_of_the_gateway_wakes_it_for_its_method_alone(house: House, red: Tenant) -> None:
    made = red.cli(
        *("trigger", "http", "create", "quiet", "--function-name", "quiet", "--method", "GET")
    )
    assert made.code == 0, made.err
    routes = red.kubectl("get", "httproutes", "-o", "name")
    assert routes.out.split() == ["httproute.gateway.networking.k8s.io/quiet"], routes.err
    eventually("the route", lambda: house.call(red.host("quiet")).status_code == 200, PATIENCE)
    asleep(red, "quiet")
    assert house.call(red.host("quiet"), method="POST").status_code == 404
    assert pods(red, "quiet") == []
    assert house.call(red.host("quiet")).status_code == 200


def call_from(tenant: Tenant, targets: list[tuple[str, str]]) -> dict[str, tuple[int, str]]:
    """Calls made by the tenant's function `calls`: URLs, and the Host they name."""
    ran = tenant.cli("function", "call", "calls", "--data", json.dumps(targets), seconds=300)
    assert ran.code == 0, ran.err
    said: dict[str, tuple[int, str]] = json.loads(ran.out)
    return said


def test_a_neighbour_in_the_namespace_wakes_it_by_name(red: Tenant) -> None:
    asleep(red, "quiet")
    said = call_from(red, [("http://quiet:8080/", "")])
    assert said["http://quiet:8080/ "][0] == 200, said


def test_another_tenant_s_pod_wakes_nothing_and_reaches_nothing(
    new_tenant: Callable[[], Tenant], house: House, red: Tenant, tmp_path: Path
) -> None:
    blue = new_tenant()
    (tmp_path / "calls.py").write_text(CALLS)
    blue.deploy("calls", tmp_path / "calls.py", "--memory", "64Mi")
    asleep(red, "quiet")
    waker = house.admin_json("get", "endpointslice", "quiet-waker", "-n", red.cluster_namespace)
    address, port = waker["endpoints"][0]["addresses"][0], waker["ports"][0]["port"]
    there = red.cluster_namespace
    hosts = [
        "quiet",
        f"quiet.{there}",
        f"quiet.{there}.svc.cluster.local",
        red.host("hello"),
        red.host("quiet"),
    ]
    said = call_from(
        blue,
        [
            *((f"http://{address}:{port}/", host) for host in hosts),
            (f"http://quiet.{there}:8080/", ""),
        ],
    )
    assert {status for status, _ in said.values()} == {404}, said
    assert reason(red, "quiet") == "Asleep"
    assert pods(red, "quiet") == []


def test_a_suspended_tenant_s_is_not_woken(house: House, red: Tenant, admin_token: str) -> None:
    asleep(red, "hello")
    stopped = house.cli(admin_token, "tenant", "suspend", red.id, "--reason", "e2e")
    assert stopped.code == 0, stopped.err
    try:
        eventually("the waker is out of the Service", lambda: not in_service(red, "hello"))
        assert house.call(red.host("hello")).status_code in {404, 503}
        assert pods(red, "hello") == []
    finally:
        resumed = house.cli(admin_token, "tenant", "resume", red.id)
        assert resumed.code == 0, resumed.err
    eventually(
        "it answers again", lambda: house.call(red.host("hello")).status_code == 200, PATIENCE
    )
