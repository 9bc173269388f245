"""One scale-up however many call; nobody is woken who does not sleep."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.errors import NotFoundError, TimedOutError, UnavailableError
from funkhaus.domain.kinds import DEPLOYMENT, ENDPOINT_SLICE, POD, SERVICE
from funkhaus.manifests import labels
from funkhaus.services.waking import Rouser, Target, Times
from tests.support.activity import FakeActivity
from tests.support.cluster import MemoryCluster

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NS = "demo--main"
HELLO = Target(NS, "hello")
REVISION = "hello-0123456789"
SELECTED = {labels.FUNCTION: "hello", labels.REVISION: REVISION}
IP, OTHER_IP = "10.244.0.7", "10.244.0.8"
TIMES = Times(wake=20.0, awake=0.05, again=0.02, probe=0.001, fresh=60.0)


class Stage:
    """A function's objects in memory, and Kubernetes' part played by hand."""

    def __init__(self, times: Times = TIMES) -> None:
        self.cluster, self.activity, self.woken = MemoryCluster("funkhaus-waker"), FakeActivity(), 0
        self.rouser = Rouser(self.cluster, self.activity, times, self._woke)
        self.cluster.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NS}})
        self._put(
            SERVICE.api_version, SERVICE.name, "hello", {"selector": SELECTED}, FUNCTION="hello"
        )
        self._put(DEPLOYMENT.api_version, DEPLOYMENT.name, REVISION, {"replicas": 0})
        self.sleeps()

    def _woke(self) -> None:
        self.woken += 1

    def _put(self, version: str, kind: str, name: str, spec: dict[str, Any], **more: str) -> None:
        marked = {**labels.MANAGED, **{getattr(labels, key): value for key, value in more.items()}}
        self.cluster.put(
            {
                "apiVersion": version,
                "kind": kind,
                "metadata": {"namespace": NS, "name": name, "labels": marked},
                "spec": spec,
            }
        )

    def sleeps(self) -> None:
        """As the controller says it."""
        self._put(ENDPOINT_SLICE.api_version, ENDPOINT_SLICE.name, "hello-waker", {})

    def pod(self, name: str = "a", ip: str = IP, **meta: Any) -> None:
        """A replica of it, as kubelet says."""
        self.cluster.put(
            {
                "apiVersion": "v1",
                "kind": POD.name,
                "metadata": {"namespace": NS, "name": name, "labels": SELECTED, **meta},
                "status": {"podIP": ip, "phase": "Running"} if ip else {"phase": "Pending"},
            }
        )

    @property
    def replicas(self) -> int:
        count: int = self.cluster.find(DEPLOYMENT, NS, REVISION)["spec"]["replicas"]
        return count

    async def until_woken(self) -> None:
        async with asyncio.timeout(20):
            while not self.replicas:  # noqa: ASYNC110 - what is waited for is a dictionary
                await asyncio.sleep(0.001)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    yield made
    await made.rouser.close()


async def test_fifty_calls_are_one_scale_up_and_all_get_the_replica(stage: Stage) -> None:
    calls = [asyncio.create_task(stage.rouser.replica(HELLO)) for _ in range(50)]
    await stage.until_woken()
    stage.pod(ip="")
    stage.pod()
    stage.activity.up.add(IP)
    assert set(await asyncio.gather(*calls)) == {IP}
    assert (stage.woken, stage.replicas) == (1, 1)


async def test_two_wakers_at_once_are_one_scale_up(stage: Stage) -> None:
    other = Rouser(stage.cluster, stage.activity, TIMES, stage._woke)
    calls = [asyncio.create_task(one.replica(HELLO)) for one in (stage.rouser, other) * 5]
    await stage.until_woken()
    stage.pod()
    stage.activity.up.add(IP)
    await asyncio.gather(*calls)
    assert (stage.woken, stage.replicas) == (1, 1)
    await other.close()


async def test_a_replica_is_used_when_it_takes_calls_and_not_before(stage: Stage) -> None:
    call = asyncio.create_task(stage.rouser.replica(HELLO))
    await stage.until_woken()
    stage.pod()
    async with asyncio.timeout(20):
        while stage.activity.asked.count(IP) < 3:  # noqa: ASYNC110 - what is waited for is a list
            await asyncio.sleep(0.001)
    assert not call.done()
    stage.pod("b", OTHER_IP)
    stage.activity.up.add(OTHER_IP)
    assert await call == OTHER_IP


async def test_one_that_runs_is_found_and_nothing_is_scaled(stage: Stage) -> None:
    await stage.cluster.merge_patch(DEPLOYMENT, NS, REVISION, {"spec": {"replicas": 2}})
    stage.pod()
    stage.activity.up.add(IP)
    assert await stage.rouser.replica(HELLO) == IP
    assert (stage.woken, stage.replicas) == (0, 2)


async def test_for_a_while_nobody_is_asked_again_unless_in_doubt(stage: Stage) -> None:
    stage.pod()
    stage.activity.up.add(IP)
    assert await stage.rouser.replica(HELLO) == IP
    asked = len(stage.activity.asked)
    assert await stage.rouser.replica(HELLO) == IP
    assert len(stage.activity.asked) == asked
    stage.rouser.doubt(HELLO, OTHER_IP)
    assert await stage.rouser.replica(HELLO) == IP
    assert len(stage.activity.asked) == asked
    stage.rouser.doubt(HELLO, IP)
    stage.activity.up.clear()
    call = asyncio.create_task(stage.rouser.replica(HELLO))
    stage.pod("b", OTHER_IP)
    stage.activity.up.add(OTHER_IP)
    assert await call == OTHER_IP


async def test_one_that_ends_is_not_waited_for(stage: Stage) -> None:
    stage.pod(deletionTimestamp="2026-01-01T00:00:00Z", finalizers=["x/y"])
    stage.activity.up.add(IP)
    call = asyncio.create_task(stage.rouser.replica(HELLO))
    await stage.until_woken()
    stage.pod("b", OTHER_IP)
    stage.activity.up.add(OTHER_IP)
    assert await call == OTHER_IP
    assert IP not in stage.activity.asked


async def test_what_the_controller_does_not_say_sleeps_is_not_woken(stage: Stage) -> None:
    """A tenant that rests, a function that is held: there is no EndpointSlice of the waker's."""
    await stage.cluster.delete(ENDPOINT_SLICE, NS, "hello-waker")
    with pytest.raises(UnavailableError, match="not to be woken"):
        await stage.rouser.replica(HELLO)
    assert (stage.woken, stage.replicas) == (0, 0)


async def test_one_that_goes_to_sleep_just_now_is_woken_again(stage: Stage) -> None:
    await stage.cluster.merge_patch(DEPLOYMENT, NS, REVISION, {"spec": {"replicas": 1}})
    call = asyncio.create_task(stage.rouser.replica(HELLO))
    await asyncio.sleep(0)
    await stage.cluster.merge_patch(DEPLOYMENT, NS, REVISION, {"spec": {"replicas": 0}})
    await stage.until_woken()
    stage.pod()
    stage.activity.up.add(IP)
    assert await call == IP


async def test_none_in_time_is_said_with_where_to_look() -> None:
    stage = Stage(Times(wake=0.1, again=0.02, probe=0.001))
    with pytest.raises(TimedOutError, match="funkhaus function describe hello"):
        await stage.rouser.replica(HELLO)
    stage.pod()
    stage.activity.up.add(IP)
    assert await stage.rouser.replica(HELLO) == IP, "the next call tries anew"
    assert stage.woken == 1


async def test_no_such_function(stage: Stage) -> None:
    with pytest.raises(NotFoundError):
        await stage.rouser.replica(Target(NS, "other"))
    stage._put(SERVICE.api_version, SERVICE.name, "other", {"selector": {"app": "x"}})
    with pytest.raises(NotFoundError):
        await stage.rouser.replica(Target(NS, "other"))


async def test_kube_apiserver_away_is_said(stage: Stage) -> None:
    stage.cluster.failure = lambda verb, *_: UnavailableError("away") if verb == "rescale" else None
    with pytest.raises(UnavailableError, match="away"):
        await stage.rouser.replica(HELLO)


async def test_a_caller_that_goes_ends_nobody_else_s_wait(stage: Stage) -> None:
    first = asyncio.create_task(stage.rouser.replica(HELLO))
    second = asyncio.create_task(stage.rouser.replica(HELLO))
    await stage.until_woken()
    first.cancel()
    stage.pod()
    stage.activity.up.add(IP)
    assert await second == IP
