"""What strangers change of ours, on a real kube-apiserver with kopf watching: put back, whatever it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from funkhaus.domain.kinds import (
    DEPLOYMENT,
    EVENT,
    FUNCTION,
    NETWORK_POLICY,
    RESOURCE_QUOTA,
    SERVICE,
)

if TYPE_CHECKING:
    from funkhaus.domain.kinds import Kind
    from tests.integration.test_controller import Stage


async def changed(stage: Stage, kind: Kind, name: str, patch: dict[str, Any]) -> None:
    """Change it as somebody else, and wait until it is as it was."""
    before = await stage.admin.get(kind, stage.namespace, name)
    assert before is not None
    bent = await stage.admin.merge_patch(kind, stage.namespace, name, patch)
    assert bent["spec"] != before["spec"]

    async def as_before() -> bool:
        live = await stage.admin.get(kind, stage.namespace, name)
        return live is not None and live["spec"] == before["spec"]

    await stage.until(as_before)


async def told(stage: Stage, kind: str, beginning: str) -> bool:
    """Whether an Event on an object of that kind says so."""
    events = await stage.admin.list(EVENT, stage.namespace)
    return any(
        event["reason"] == "Repaired"
        and event["involvedObject"]["kind"] == kind
        and event["message"].startswith(beginning)
        for event in events
    )


async def test_what_is_added_goes_and_what_is_changed_comes_back(stage: Stage) -> None:
    async with stage.controller():
        await stage.tenant_namespace()
        await stage.function()
        revision = await stage.bring_up()
        await stage.until(lambda: stage.ready(FUNCTION, "hello"))
        await changed(stage, NETWORK_POLICY, "funkhaus-deny", {"spec": {"ingress": [{}]}})
        await changed(
            stage,
            NETWORK_POLICY,
            "funkhaus-deny",
            {"spec": {"podSelector": {"matchLabels": {"a": "b"}}}},
        )
        await changed(stage, SERVICE, "hello", {"spec": {"selector": {"nobody": "has"}}})
        await changed(stage, SERVICE, "hello", {"spec": {"externalIPs": ["203.0.113.7"]}})
        await changed(stage, RESOURCE_QUOTA, "funkhaus", {"spec": {"hard": {"pods": "9999"}}})
        await changed(stage, DEPLOYMENT, revision, {"spec": {"progressDeadlineSeconds": 7}})
        await stage.until(lambda: told(stage, "Function", f"Deployment {revision} was changed"))
        await stage.until(lambda: told(stage, "Function", "Service hello was changed"))
        assert not await told(stage, "Function", "Ingress")


async def test_a_strangers_object_is_left_alone_and_told(stage: Stage) -> None:
    async with stage.controller():
        await stage.tenant_namespace()
        theirs = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"namespace": stage.namespace, "name": "hello"},
            "spec": {"ports": [{"port": 80}], "selector": {"their": "pods"}},
        }
        stored = await stage.admin.apply(theirs)
        await stage.function()

        async def told() -> bool:
            return await stage.reason(FUNCTION, "hello") == "Conflict"

        await stage.until(told)
        found = await stage.admin.get(SERVICE, stage.namespace, "hello")
        assert found is not None
        assert found["metadata"]["resourceVersion"] == stored["metadata"]["resourceVersion"]
