"""A function's load through the API: replicas' own counters, and what metrics.k8s.io says to the user."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from funkhaus.domain.errors import ForbiddenError, NotFoundError, UnavailableError
from funkhaus.domain.kinds import POD_METRICS
from funkhaus.domain.load import Work

from .test_functions import AT, deploy, replica

if TYPE_CHECKING:
    from funkhaus.domain.errors import FunkhausError
    from funkhaus.domain.kinds import Kind
    from tests.support.api import Client, World

READY = [{"type": "Ready", "status": "True"}]
NOBODY_SAYS = dict.fromkeys(("calls", "errors", "running", "p50Ms", "p95Ms"))


def measured(world: World, name: str, cpu: str, memory: str) -> None:
    """As the metrics server says it, the function's container beside another."""
    world.cluster.put(
        {
            "apiVersion": POD_METRICS.api_version,
            "kind": POD_METRICS.name,
            "metadata": {
                "namespace": "blue--default",
                "name": name,
                "labels": {"funkhaus.dev/function": "hello"},
            },
            "containers": [
                {"name": "other", "usage": {"cpu": "9", "memory": "9Gi"}},
                {"name": "function", "usage": {"cpu": cpu, "memory": memory}},
            ],
        }
    )


async def load(client: Client, name: str = "hello") -> Any:
    found = await client.get(f"{AT}/functions/{name}/load")
    assert found.status == 200, found.body
    return found.json


async def test_replicas_are_summed(world: World, owner: Client) -> None:
    await deploy(owner)
    replica(world, "hello-1-a", podIP="10.244.0.7", conditions=READY)
    replica(world, "hello-1-b", podIP="10.244.0.8")
    replica(world, "hello-0-z", podIP="10.244.0.9", phase="Failed")
    buckets = ((0.1, 8), (1.0, 10), (math.inf, 10))
    world.activity.worked["10.244.0.7"] = Work(10, 1, 2, buckets)
    world.activity.worked["10.244.0.8"] = Work(10, 0, 0, buckets)
    measured(world, "hello-1-a", "250500000n", "65536Ki")
    measured(world, "hello-1-b", "50m", "32Mi")
    found = await load(owner)
    assert found["unmeasured"] == ""
    assert found["total"] == {
        "calls": 20, "errors": 1, "running": 2, "p50Ms": 62.5, "p95Ms": 775.0,
        "cpuMilli": 300, "memoryBytes": 96 << 20,
    }  # fmt: skip
    first, second = found["replicas"]
    assert (first["name"], first["ready"], first["cpuMilli"]) == ("hello-1-a", True, 250)
    assert (second["name"], second["ready"], second["calls"]) == ("hello-1-b", False, 10)


async def test_what_nobody_says_is_null(world: World, owner: Client) -> None:
    await deploy(owner)
    replica(world, "hello-1-a", podIP="10.244.0.7")
    replica(world, "hello-1-b")  # it has no address yet
    found = await load(owner)
    assert {key: found["total"][key] for key in NOBODY_SAYS} == NOBODY_SAYS
    assert found["total"]["cpuMilli"] is None
    assert [one["calls"] for one in found["replicas"]] == [None, None]
    assert world.activity.asked == ["10.244.0.7"]


async def test_one_that_sleeps_does_nothing(owner: Client) -> None:
    await deploy(owner)
    found = await load(owner)
    assert found["replicas"] == []
    assert (found["total"]["calls"], found["total"]["memoryBytes"]) == (0, None)


async def test_why_nothing_is_measured(world: World, owner: Client) -> None:
    await deploy(owner)
    replica(world, "hello-1-a", podIP="10.244.0.7")
    world.activity.worked["10.244.0.7"] = Work(3, 0, 0)
    for error, words in (
        (NotFoundError(), "this cluster has no metrics.k8s.io"),
        (ForbiddenError("pods.metrics.k8s.io is forbidden"), "is forbidden"),
        (UnavailableError("the metrics server starts"), "the metrics server starts"),
    ):

        def failure(
            _: str, kind: Kind, __: str, ___: str, error: FunkhausError = error
        ) -> FunkhausError | None:
            return error if kind is POD_METRICS else None

        world.cluster.failure = failure
        found = await load(owner)
        assert words in found["unmeasured"]
        assert found["total"]["calls"] == 3


async def test_one_that_is_not_there(owner: Client) -> None:
    assert (await owner.get(f"{AT}/functions/other/load")).status == 404
