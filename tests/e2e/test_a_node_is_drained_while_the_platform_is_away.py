"""Drills on a real node: it is cordoned and drained, and pods come back, while neither webhook nor controller answers.

Both are processes of the host here, so that they are stopped (SIGSTOP), which to kube-apiserver is worse than gone.
In a cluster they are pods of the platform's namespace; what kube-apiserver does for that namespace is the same there.
"""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus_cluster import records, site

from .house import Ran, eventually
from .test_what_runs_goes_on_running import SELECTED, SMALL, expose, source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .house import House, Tenant

pytestmark = pytest.mark.cluster
AWAY = ("funkhaus-webhook", "funkhaus-controller")
SYSTEM = "funkhaus-system"
PLATFORM_POD = "drill"


@pytest.fixture
def away(house: House) -> Iterator[None]:
    """Both are stopped; whatever happens they go on afterwards, and the node takes pods."""
    found = [records.load(site.here().settings.run, name) for name in AWAY]
    pids = [record.identity.pid for record in found if record]
    assert len(pids) == len(AWAY), "they run on this machine where `make up` made the cluster"
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        for name in nodes(house):
            house.kubectl("uncordon", name)
        house.kubectl("delete", "pod", PLATFORM_POD, "-n", SYSTEM, "--ignore-not-found", "--now")


def nodes(house: House) -> list[str]:
    return [item["metadata"]["name"] for item in house.admin_json("get", "nodes")["items"]]


def pods(tenant: Tenant, name: str) -> dict[str, dict[str, Any]]:
    """The function's pods that are not on their way out, by name."""
    words = ("get", "pods", "-n", tenant.cluster_namespace, "-l", SELECTED.format(name))
    return {
        item["metadata"]["name"]: item
        for item in tenant.house.admin_json(*words)["items"]
        if "deletionTimestamp" not in item["metadata"]
    }


def ready(pod: dict[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def another_is_ready(tenant: Tenant, name: str, before: set[str]) -> set[str]:
    """The names of pods that were not there before, once one of them takes calls."""

    def probe() -> set[str]:
        return {key for key, pod in pods(tenant, name).items() if key not in before and ready(pod)}

    return eventually(f"a pod of {name} beside {sorted(before)}", probe, seconds=180)


def answers(tenant: Tenant, name: str) -> bool:
    return tenant.house.call(tenant.host(name)).status_code == 200


def done(ran: Ran) -> str:
    assert ran.code == 0, ran.err
    return ran.out


def evict(house: House, namespace: str, pod: str) -> Ran:
    """What `kubectl drain` asks for each pod; other pods of this node are left alone."""
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": namespace},
    }
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
    return house.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))


@pytest.fixture
def drilled(tenant: Tenant, tmp_path: Path) -> Iterator[str]:
    """A function that answers."""
    name = "drilled"
    tenant.deploy(name, source(tmp_path, "here"), *SMALL)
    expose(tenant, name)
    yield name
    tenant.house.kubectl("delete", "fn,htr", "--all", "-n", tenant.cluster_namespace)


def test_b60_a_node_is_drained_and_comes_back_while_nobody_is_asked(
    tenant: Tenant, drilled: str, away: None
) -> None:
    del away
    house, namespace = tenant.house, tenant.cluster_namespace
    apply = {
        "apiVersion": "funkhaus.dev/v1alpha1",
        "kind": "HTTPTrigger",
        "metadata": {"name": "other", "namespace": namespace},
        "spec": {"function": drilled, "path": "/other"},
    }
    refused = house.kubectl("apply", "-f", "-", stdin=json.dumps(apply))
    assert "failed calling webhook" in refused.err, "nothing gets in meanwhile"

    # A pod is deleted: Kubernetes' own controllers make the next one, the scheduler binds it, the kubelet reports it.
    before = set(pods(tenant, drilled))
    done(house.kubectl("delete", "pod", *sorted(before), "-n", namespace, "--wait=false"))
    before |= another_is_ready(tenant, drilled, before)
    eventually("calls", lambda: answers(tenant, drilled))

    # The node takes no pods and is emptied of the function's: they wait, and run once it takes pods again.
    for name in nodes(house):
        done(house.kubectl("cordon", name))
    for name in pods(tenant, drilled):
        done(evict(house, namespace, name))
    (waiting,) = eventually(
        "the evicted pod's successor",
        lambda: [key for key in pods(tenant, drilled) if key not in before],
    )
    assert not ready(pods(tenant, drilled)[waiting])
    for name in nodes(house):
        done(house.kubectl("uncordon", name))
    another_is_ready(tenant, drilled, before)
    eventually("calls after the drain", lambda: answers(tenant, drilled))


def test_b60_what_the_platform_runs_on_is_rescheduled_while_nobody_is_asked(
    tenant: Tenant, drilled: str, away: None
) -> None:
    """A pod in the platform's namespace starts and is evicted, as the webhook's own would; and kube-system is written."""
    del away
    house = tenant.house
    (model, *_) = pods(tenant, drilled).values()
    container = model["spec"]["containers"][0]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": PLATFORM_POD, "namespace": SYSTEM},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "containers": [
                {
                    "name": "webhook",
                    "image": container["image"],
                    "command": ["python3", "-c", "import time; time.sleep(600)"],
                    "resources": {"limits": {"cpu": "50m", "memory": "32Mi"}},
                }
            ],
        },
    }
    for _ in range(2):  # it runs, is evicted, and runs again
        done(house.kubectl("create", "-f", "-", stdin=json.dumps(pod)))
        done(
            house.kubectl(
                "wait", "pod", PLATFORM_POD, "-n", SYSTEM, "--for=condition=Ready", "--timeout=15s"
            )
        )
        done(evict(house, SYSTEM, PLATFORM_POD))
        eventually(
            "its end",
            lambda: house.kubectl("get", "pod", PLATFORM_POD, "-n", SYSTEM).code != 0,
            seconds=60,
        )
    for namespace in (SYSTEM, "kube-system"):
        for words in (
            ("create", "configmap", "drill", "--from-literal=a=b"),
            ("create", "deployment", "drill", "--image=x"),
            ("create", "service", "clusterip", "drill", "--tcp=80"),
        ):
            done(house.kubectl(*words, "-n", namespace, "--dry-run=server"))
