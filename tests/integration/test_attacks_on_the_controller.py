"""A controller on a real kube-apiserver, and an owner who means to keep running what has to rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.domain.kinds import AUTOSCALER, DEPLOYMENT, FUNCTION, NAMESPACE, TENANT_NAMESPACE
from funkhaus.domain.tenant import Suspension
from funkhaus.factory import SystemClock

if TYPE_CHECKING:
    from tests.integration.test_controller import Stage


async def test_b72_what_is_deleted_and_held_by_a_finalizer_rests_with_its_tenant(
    stage: Stage,
) -> None:
    async with stage.controller():
        await stage.tenant_namespace()
        await stage.function(scaling={"min": 2, "max": 4})
        revision = await stage.bring_up()
        await stage.until(lambda: stage.ready(FUNCTION, "hello"))
        held = {"metadata": {"finalizers": ["example.com/hold"]}}
        await stage.admin.merge_patch(FUNCTION, stage.namespace, "hello", held)
        await stage.admin.delete(FUNCTION, stage.namespace, "hello")
        async with stage.stores.begin(stage.tenant) as work:
            await work.lifecycle.suspend(Suspension(SystemClock().now(), "invoice 17", "Ada"))
        told = {"spec": {"suspended": True}}
        await stage.admin.merge_patch(TENANT_NAMESPACE, "", stage.namespace, told)

        async def rests() -> bool:
            live = await stage.admin.get(DEPLOYMENT, stage.namespace, revision)
            scaler = await stage.admin.get(AUTOSCALER, stage.namespace, "hello")
            return live is not None and live["spec"]["replicas"] == 0 and scaler is None

        await stage.until(rests)
    free = {"metadata": {"finalizers": None}}
    await stage.admin.merge_patch(FUNCTION, stage.namespace, "hello", free)


async def test_b83_a_finalizer_from_before_does_not_keep_a_namespace_that_ends(
    stage: Stage,
) -> None:
    held = {"metadata": {"finalizers": ["evil.example/x"]}}
    async with stage.controller():
        await stage.tenant_namespace()
        await stage.function()
        await stage.admin.merge_patch(FUNCTION, stage.namespace, "hello", held)
        await stage.admin.delete(TENANT_NAMESPACE, "", stage.namespace)

        async def ends() -> bool:
            live = await stage.admin.get(NAMESPACE, "", stage.namespace)
            return live is None or "deletionTimestamp" in live["metadata"]

        await stage.until(ends)
        await stage.admin.delete(FUNCTION, stage.namespace, "hello")  # as Kubernetes empties it

        async def gone() -> bool:
            return await stage.admin.get(FUNCTION, stage.namespace, "hello") is None

        await stage.until(gone)
