"""Whatever ends, ``up`` mends; and ``down`` leaves nothing.

The workload is a pod of the pause image with a host port: it holds a network namespace, mounts, a
cgroup, a lease and rules, all that a pod can leave behind.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import time
from typing import TYPE_CHECKING

import pytest

from funkhaus_cluster import cgroups, local, postgres, processes, records, site
from funkhaus_cluster.node import PAUSE_IMAGE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lifecycle.conftest import Node

NAMESPACE = "lifecycle"
WORKLOAD = f"""
apiVersion: v1
kind: Namespace
metadata: {{name: {NAMESPACE}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: idle, namespace: {NAMESPACE}}}
spec:
  selector: {{matchLabels: {{app: idle}}}}
  template:
    metadata: {{labels: {{app: idle}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: idle
          image: {PAUSE_IMAGE}
          imagePullPolicy: Never
          ports: [{{containerPort: 8080, hostPort: 18080}}]
"""
PARTS = [part.name for part in local.all_parts(site.here())]
DELAYS = (0.2, 0.8, 1.5, 3.0, 5.0)


@pytest.fixture
def workload(node: Node) -> None:
    """A pod that runs."""
    node.kubectl("apply", "--filename=-", stdin=WORKLOAD)
    rolled_out(node)


def rolled_out(node: Node) -> None:
    node.kubectl(
        "rollout", "status", f"--namespace={NAMESPACE}", "deployment/idle", "--timeout=120s"
    )


def link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def all_well(node: Node) -> None:
    assert node.not_ready() == {}
    assert "Ready" in node.run("status")


def test_a_second_up_changes_nothing_and_is_quick(node: Node) -> None:
    before = {name: records.load(node.here.settings.run, name) for name in PARTS}
    begun = time.monotonic()

    output = node.run("up")

    assert time.monotonic() - begun < 60
    assert output.count("already running") == len(PARTS)
    assert {name: records.load(node.here.settings.run, name) for name in PARTS} == before


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.usefixtures("workload")
def test_up_mends_a_part_that_was_killed(node: Node, name: str) -> None:
    record = records.load(node.here.settings.run, name)
    assert record is not None
    os.kill(record.identity.pid, signal.SIGKILL)

    output = node.run("up")

    assert f"ok {name}: started again, it had ended" in output
    all_well(node)
    rolled_out(node)


@pytest.mark.usefixtures("workload")
def test_pods_outlive_containerd(node: Node) -> None:
    pods = cgroups.members()
    record = records.load(node.here.settings.run, "containerd")
    assert pods
    assert record is not None
    os.kill(record.identity.pid, signal.SIGKILL)

    node.run("up")

    assert cgroups.members() >= pods


@pytest.mark.usefixtures("workload")
def test_up_after_everything_was_killed_at_once(node: Node) -> None:
    """What a restart of the machine leaves, had it kept mounts, bridge, rules and state."""
    for pid in {*processes.marked(node.here.settings.state), *cgroups.members()}:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for name in PARTS:
        record = records.load(node.here.settings.run, name)
        if record is not None:
            processes.end(record.identity, grace=0)
    assert cgroups.members() == set()

    node.run("up")

    all_well(node)
    rolled_out(node)


@pytest.mark.parametrize("delay", DELAYS)
def test_up_goes_on_where_ctrl_c_stopped_it(node: Node, delay: float) -> None:
    node.run("down")
    process = node.start("up")
    time.sleep(delay)
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)

    # The longest delay may be after all is done.
    if "the cluster is up" not in output:
        assert process.returncode == 130, output
        assert "again goes on from here" in output
    assert "Traceback" not in output

    node.run("up")
    all_well(node)


@pytest.mark.parametrize("delay", DELAYS)
def test_up_goes_on_where_it_was_killed(node: Node, delay: float) -> None:
    node.run("down")
    process = node.start("up")
    time.sleep(delay)
    process.kill()
    process.communicate()

    node.run("up")

    all_well(node)


def test_a_second_cluster_is_refused_and_leaves_the_first_alone(node: Node, tmp_path: Path) -> None:
    elsewhere = {"FUNKHAUS_STATE": str(tmp_path / "state")}

    process = node.start("up", **elsewhere)
    output, _ = process.communicate(timeout=60)

    assert process.returncode == 1
    assert f"a cluster with its state in {node.here.settings.state} runs" in output
    assert "it is left alone" in node.run("down", **elsewhere)
    all_well(node)


def test_purge_drops_state_cache_and_user(node: Node, open_folder: Path) -> None:
    node.run("down")
    cache = open_folder / "cache"
    shutil.copytree(node.here.settings.cache, cache, copy_function=link_or_copy, symlinks=True)
    elsewhere = {"FUNKHAUS_STATE": str(open_folder / "state"), "FUNKHAUS_CACHE": str(cache)}
    node.run("up", **elsewhere)

    node.run("down", "--purge", **elsewhere)

    assert list(open_folder.iterdir()) == []
    with pytest.raises(KeyError):
        pwd.getpwnam(postgres.USER)
    node.run("up")
    all_well(node)


@pytest.mark.usefixtures("workload")
def test_down_leaves_nothing_and_spares_who_took_over_a_pid(node: Node, snapshot: Path) -> None:
    node.run("down")
    node.run("leftovers", "snapshot", str(snapshot))
    node.run("up")
    rolled_out(node)
    with socket.create_connection(("127.0.0.1", 8088), timeout=5):
        pass
    records.save(
        node.here.settings.run,
        records.Record("innocent", processes.Identity(os.getpid(), 1, processes.boot_id()), "", 0),
    )

    node.run("down")

    assert "nothing was left behind" in node.run("leftovers", "compare", str(snapshot))
    node.run("up")
    all_well(node)
