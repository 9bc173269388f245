"""A function goes to zero and comes back on a real kube-apiserver; kubelet's and the waker's parts are played by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from funkhaus.domain.kinds import DEPLOYMENT, ENDPOINT_SLICE, FUNCTION, POD
from funkhaus.manifests import labels, waking
from funkhaus.ports import Calls

from .test_controller import SYSTEM

if TYPE_CHECKING:
    from .test_controller import Stage

IP = "10.244.0.7"
SCALING = {"min": 0, "max": 2, "cpuPercent": 80, "idle": 1}


async def waker(stage: Stage) -> None:
    """The waker's own endpoints."""
    await stage.admin.apply(
        {
            "apiVersion": ENDPOINT_SLICE.api_version,
            "kind": ENDPOINT_SLICE.name,
            "metadata": {
                "namespace": SYSTEM,
                "name": "funkhaus-waker-test",
                "labels": {waking.SERVICE_NAME: waking.SERVICE},
            },
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": 8750, "protocol": "TCP"}],
            "endpoints": [{"addresses": ["10.222.0.1"], "conditions": {"ready": True}}],
        }
    )


async def replica(stage: Stage, revision: str) -> None:
    """A pod of the Deployment's own template, ready at an address."""
    live = await stage.admin.get(DEPLOYMENT, stage.namespace, revision)
    assert live is not None
    head = {"apiVersion": "v1", "kind": POD.name}
    meta: dict[str, Any] = {"namespace": stage.namespace, "name": "pod-1"}
    marked = {**meta, "labels": live["spec"]["template"]["metadata"]["labels"]}
    spec = {**live["spec"]["template"]["spec"], "topologySpreadConstraints": []}
    await stage.admin.apply({**head, "metadata": marked, "spec": spec})
    ready = {"type": "Ready", "status": "True"}
    status = {"podIP": IP, "podIPs": [{"ip": IP}], "phase": "Running", "conditions": [ready]}
    await stage.admin.apply_status({**head, "metadata": meta, "status": status})


async def test_it_sleeps_is_woken_and_the_waker_leaves(stage: Stage) -> None:
    stage.activity.done[IP] = Calls(3, 0)

    async def slice_of_the_waker() -> dict[str, Any] | None:
        return await stage.admin.get(ENDPOINT_SLICE, stage.namespace, "hello-waker")

    async def reason(wanted: str) -> bool:
        return await stage.reason(FUNCTION, "hello") == wanted

    await waker(stage)
    async with stage.controller():
        await stage.tenant_namespace()
        await stage.function(scaling=SCALING)
        revision = await stage.bring_up()
        await replica(stage, revision)
        await stage.until(lambda: reason("Asleep"))
        live = await stage.admin.get(DEPLOYMENT, stage.namespace, revision)
        assert live is not None
        assert live["spec"]["replicas"] == 0
        made = await slice_of_the_waker()
        assert made is not None
        assert made["endpoints"][0]["addresses"] == ["10.222.0.1"]
        assert made["metadata"]["labels"][labels.MANAGED_BY] == labels.MANAGER
        stage.activity.done[IP] = Calls(3, 1)  # the call that wakes it takes its time
        assert await stage.admin.rescale(DEPLOYMENT, stage.namespace, revision, was=0, to=1)
        await stage.until(lambda: reason("Waking"))
        assert await slice_of_the_waker() is not None
        await stage.bring_up()
        await stage.until(lambda: reason("Serving"))
        assert await slice_of_the_waker() is None
    await stage.admin.delete(ENDPOINT_SLICE, SYSTEM, "funkhaus-waker-test")
