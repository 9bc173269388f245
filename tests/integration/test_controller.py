"""The controller on a real kube-apiserver, as the account and with the rights the chart gives it; kopf really watches.

There is no node and none of Kubernetes's own controllers: their part the tests play as admin.
"""

from __future__ import annotations

import asyncio
import secrets
import subprocess
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.crd import revision as revision_crd
from funkhaus.domain.approval import ApprovalState
from funkhaus.domain.kinds import (
    AUTOSCALER,
    CRON_JOB_TRIGGER,
    DEPLOYMENT,
    EVENT,
    FUNCTION,
    FUNCTION_REVISION,
    HTTP_TRIGGER,
    INGRESS,
    LEASE,
    NAMESPACE,
    NETWORK_POLICY,
    ROLE_BINDING,
    SERVICE,
    TENANT_NAMESPACE,
)
from funkhaus.domain.tenant import Namespace, Suspension, Tenant
from funkhaus.domain.verdict import Finding, Outcome
from funkhaus.factory import SystemClock
from funkhaus.kube import KubeCluster, KubeLease
from funkhaus.services.materialisation import rollout
from funkhaus.services.sweep import Sweep
from funkhaus.settings import Controller
from funkhaus_controller import schedule
from funkhaus_controller.assembly import World
from funkhaus_controller.election import LeaseLostError
from funkhaus_controller.operate import Operator
from funkhaus_controller.owners import ROUTED
from funkhaus_controller.watching import Watching
from tests.support.activity import FakeActivity
from tests.support.builds import FakeResults
from tests.support.decider import FakeDecider
from tests.support.materials import BASE, BUILD_IMAGE, HOST, QUOTA
from tests.support.registry import MemoryRegistry
from tests.support.stores import MemoryStores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


CHART = Path(__file__).resolve().parents[2] / "helm" / "funkhaus"
SYSTEM = "funkhaus-system"
ACCOUNT = f"system:serviceaccount:{SYSTEM}:funkhaus-controller"
SECONDS = 20.0


class Stage:
    """A tenant of its own, the admin's hands, and controllers to start and stop."""

    def __init__(self, admin: KubeCluster, account: Path) -> None:
        self.admin, self.account = admin, account
        self.tenant = f"t{secrets.token_hex(4)}"
        self.namespace = f"{self.tenant}--main"
        self.lease = f"x{secrets.token_hex(4)}"
        self.stores, self.decider = MemoryStores(), FakeDecider()
        self.registry, self.results = MemoryRegistry(HOST, {BASE}), FakeResults()
        self.activity = FakeActivity()
        self.running: list[asyncio.Task[None]] = []

    async def furnish(self) -> None:
        """A tenant, and the runtime."""
        async with self.stores.begin_platform() as work:
            await work.add_tenant(Tenant(self.tenant, "small"))
        async with self.stores.begin(self.tenant) as work_:
            await work_.add_namespace(Namespace(self.tenant, "main", QUOTA))
        await self.admin.apply(
            {
                "apiVersion": "funkhaus.dev/v1alpha1",
                "kind": "Runtime",
                "metadata": {"name": "python3.11"},
                "spec": {
                    "image": BASE,
                    "fileSuffix": ".py",
                    "build": {"image": BUILD_IMAGE, "command": ["python3", "-m", "funkhaus_build"]},
                },
            }
        )

    @asynccontextmanager
    async def controller(self, resync: float = 3600, **more: Any) -> AsyncIterator[Operator]:
        """A running controller; `more` are further settings."""
        cluster = await KubeCluster.connect(str(self.account), manager="funkhaus-controller")
        lease = KubeLease(
            await KubeCluster.connect(str(self.admin_config), manager="funkhaus-controller"),
            SystemClock(),
            namespace="default",
            name=self.lease,
            identity=secrets.token_hex(4),
            duration=schedule.LEASE,
        )
        world = World(
            self.stores,
            self.decider,
            cluster,
            self.registry,
            self.results,
            lease,
            SystemClock(),
            self.activity,
        )
        settings = Controller(
            database_url="unused",
            domain="example.com",
            controller_ops_port=0,
            build_index_url="https://index.test/simple/",
            build_index_cidrs="192.0.2.0/24",
            source_cidrs="192.0.2.0/24",
            resync=resync,
            **more,
        )
        stop = asyncio.Event()
        also = ROUTED if settings.route_gateway else ()
        watcher = partial(Watching, str(self.account), also=also)
        operator = Operator(settings, world, watcher)
        running = asyncio.create_task(operator.run(stop))
        self.running.append(running)
        try:
            yield operator
        finally:
            stop.set()
            if running in self.running:  # else a test has awaited its end
                await asyncio.wait_for(running, 30)
            await cluster.close()
            await lease._cluster.close()

    admin_config: Path

    def kubectl(self, *words: str) -> str:
        """What kubectl prints as admin."""
        done = subprocess.run(
            ["kubectl", f"--kubeconfig={self.admin_config}", *words],
            capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
        return done.stdout

    async def tenant_namespace(self) -> None:
        """What the API server's outbox would write."""
        quota = {"functions": 10, "triggers": 10, "replicas": 10, "cpu": "4", "memory": "8Gi"}
        await self.admin.apply(
            {
                "apiVersion": TENANT_NAMESPACE.api_version,
                "kind": "TenantNamespace",
                "metadata": {"name": self.namespace},
                "spec": {"tenant": self.tenant, "name": "main", "quota": quota},
            }
        )
        await self.until(lambda: self.ready(TENANT_NAMESPACE, self.namespace, ""))

    async def function(self, name: str = "hello", **spec: Any) -> None:
        """A Function as admission would have left it."""
        usual = {
            "runtime": "python3.11",
            "handler": "hello.handler",
            "source": {"inline": {"files": {"hello.py": "def handler(event, context): ..."}}},
            "resources": {"cpu": "250m", "memory": "128Mi"},
        }
        await self.admin.apply(
            {
                "apiVersion": FUNCTION.api_version,
                "kind": "Function",
                "metadata": {"namespace": self.namespace, "name": name},
                "spec": usual | spec,
            }
        )

    async def status(self, kind: Any, name: str, namespace: str | None = None) -> dict[str, Any]:
        """An object's status."""
        found = await self.admin.get(kind, self.namespace if namespace is None else namespace, name)
        return (found or {}).get("status") or {}

    async def ready(self, kind: Any, name: str, namespace: str | None = None) -> bool:
        """Whether its Ready condition is True."""
        return await self.reason(kind, name, namespace) in {"Made", "Serving", "Routed"}

    async def reason(self, kind: Any, name: str, namespace: str | None = None) -> str:
        """The reason of its Ready condition."""
        status = await self.status(kind, name, namespace)
        found = [item for item in status.get("conditions") or [] if item["type"] == "Ready"]
        return found[0]["reason"] if found else ""

    async def bring_up(self, name: str = "hello", other_than: str = "") -> str:
        """Have the replicas of a function's latest revision ready, as Kubernetes would."""
        revision: str = ""

        async def deployed() -> bool:
            nonlocal revision
            revision = (await self.status(FUNCTION, name)).get("latestRevision", "")
            new = revision and revision != other_than
            return bool(new and await self.admin.get(DEPLOYMENT, self.namespace, revision))

        await self.until(deployed)
        live = await self.admin.get(DEPLOYMENT, self.namespace, revision)
        assert live is not None
        wanted = live["spec"]["replicas"]
        counts = ("replicas", "updatedReplicas", "availableReplicas", "readyReplicas")
        await self.admin.apply_status(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"namespace": self.namespace, "name": revision},
                "status": {
                    "observedGeneration": live["metadata"]["generation"],
                    **dict.fromkeys(counts, wanted),
                },
            }
        )
        return revision

    async def until(self, probe: Callable[[], Awaitable[object]], seconds: float = SECONDS) -> None:
        """Wait for something to become true."""
        async with asyncio.timeout(seconds):
            while not await probe():  # noqa: ASYNC110 - what is waited for is another process's
                await asyncio.sleep(0.05)


async def test_a_namespace_a_function_and_a_trigger_come_to_life(stage: Stage) -> None:
    async with stage.controller() as operator:
        await stage.tenant_namespace()
        assert len(await stage.admin.list(NETWORK_POLICY, stage.namespace)) == 8
        assert len(await stage.admin.list(ROLE_BINDING, stage.namespace)) == 5
        trigger = {
            "apiVersion": HTTP_TRIGGER.api_version,
            "kind": "HTTPTrigger",
            "metadata": {"namespace": stage.namespace, "name": "web"},
            "spec": {"function": "hello"},
        }
        await stage.admin.apply(trigger)
        await stage.until(lambda: reason_is(stage, "web", "FunctionMissing"))
        await stage.function()
        revision = await stage.bring_up()
        await stage.until(lambda: stage.ready(FUNCTION, "hello"))
        await stage.until(lambda: stage.ready(HTTP_TRIGGER, "web"))
        assert await stage.admin.get(INGRESS, stage.namespace, "web")
        url = f"http://hello.{stage.tenant}.example.com/"
        await stage.until(lambda: has_url(stage, url))
        status = await stage.status(FUNCTION, "hello")
        assert status["revision"] == revision
        assert status["replicas"]["summary"] == "1/1"
        events = await stage.admin.list(EVENT, stage.namespace)
        assert "Serving" in {event["reason"] for event in events}
        assert operator._election.leading


async def reason_is(stage: Stage, trigger: str, reason: str) -> bool:
    return await stage.reason(HTTP_TRIGGER, trigger) == reason


async def has_url(stage: Stage, url: str) -> bool:
    return (await stage.status(FUNCTION, "hello")).get("urls") == [url]


async def test_what_happened_while_it_was_away_is_caught_up_with(stage: Stage) -> None:
    async with stage.controller():
        await stage.tenant_namespace()
        await stage.function()
        old = await stage.bring_up()
        await stage.until(lambda: stage.ready(FUNCTION, "hello"))
    await stage.function(timeout=31)
    await stage.function("another")
    await stage.admin.delete(SERVICE, stage.namespace, "hello")
    async with stage.controller():
        new = await stage.bring_up(other_than=old)
        await stage.bring_up("another")
        await stage.until(lambda: stage.ready(FUNCTION, "another"))
        await stage.until(lambda: stage.ready(FUNCTION, "hello"))
        service = await stage.admin.get(SERVICE, stage.namespace, "hello")
        assert service is not None
        assert service["spec"]["selector"]["funkhaus.dev/revision"] == new


async def test_going_back_is_a_change_of_where_traffic_goes(stage: Stage) -> None:
    async with stage.controller():
        await stage.tenant_namespace()
        await stage.function()
        old = await stage.bring_up()
        await stage.until(lambda: stage.ready(FUNCTION, "hello"))
        await stage.function(timeout=31)
        new = await stage.bring_up(other_than=old)
        await stage.until(lambda: serves(stage, new))
        await stage.until(lambda: has_served(stage, new))
        before = await stage.admin.get(FUNCTION_REVISION, stage.namespace, old)
        assert before is not None
        asked = revision_crd.asked_for(revision_crd.parse(before))
        served = revision_crd.served_at(before)

        async def another_second() -> bool:
            return SystemClock().now().strftime("%Y-%m-%dT%H:%M:%SZ") > served

        await stage.until(another_second)  # which is as exactly as that is written down
        pushes = len(stage.registry.pushes)
        await stage.function(**asked or {})
        assert await stage.bring_up(other_than=new) == old
        await stage.until(lambda: serves(stage, old))
        await stage.until(lambda: has_served(stage, old))
        assert len(stage.registry.pushes) == pushes, "nothing was built"
        after = await stage.admin.get(FUNCTION_REVISION, stage.namespace, old)
        assert after is not None
        assert revision_crd.served_at(after) > served


async def test_a_decision_is_heard_of_long_before_the_next_resync(stage: Stage) -> None:
    asks = Finding("x-asks", "is a lot", "spec.timeout", Outcome.REQUIRE_APPROVAL, 30, 31)
    stage.decider.findings = (asks,)

    async def decided(state: ApprovalState) -> None:
        async with stage.stores.begin(stage.tenant) as work:
            (row,) = await work.approvals.page(ApprovalState.PENDING)
            await work.approvals.put(replace(row, state=state, decided_by="fh:eve"))

    async with stage.controller(resync=3600):
        await stage.tenant_namespace()
        await stage.function()
        await stage.until(lambda: reason_of_function(stage, "PendingApproval"))
        assert await stage.admin.list(DEPLOYMENT, stage.namespace) == []
        await decided(ApprovalState.APPROVED)
        revision = await stage.bring_up()
        await stage.until(lambda: stage.ready(FUNCTION, "hello"))
        await stage.function(timeout=31)
        await stage.until(lambda: reason_of_function(stage, "PendingApproval"))
        await decided(ApprovalState.REJECTED)
        await stage.until(lambda: reason_of_function(stage, "Rejected"))
        assert await serves(stage, revision)
        deployments = await stage.admin.list(DEPLOYMENT, stage.namespace)
        assert [item["metadata"]["name"] for item in deployments] == [revision]


async def test_a_smaller_revision_is_charged_once_the_larger_is_gone(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollout, "LINGER", timedelta(0))
    large = {"cpu": "1", "memory": "1Gi"}

    async def charged() -> int:
        async with stage.stores.begin(stage.tenant) as work:
            return (await work.ledger.account("main")).held.cpu_millis

    async def is_charged(millis: int) -> bool:
        return await charged() == millis

    async with stage.controller():
        await stage.tenant_namespace()
        await stage.function(resources=large, scaling={"min": 1, "max": 3})
        old = await stage.bring_up()
        await stage.until(lambda: serves(stage, old))
        assert await charged() == 3000
        await stage.function(handler="absent.handler", scaling={"min": 9, "max": 10})
        await stage.until(lambda: reason_of_function(stage, "HandlerMissing"))
        autoscaler = await stage.admin.get(AUTOSCALER, stage.namespace, "hello")
        assert autoscaler
        assert autoscaler["spec"]["maxReplicas"] == 3
        assert await charged() == 3000
        sweep = Sweep(stage.stores, stage.admin, SystemClock())
        assert (await sweep.recount()).corrected == 0
        assert await charged() == 3000
        await stage.function(scaling={"min": 1, "max": 2})
        new = await stage.bring_up(other_than=old)
        await stage.until(lambda: serves(stage, new))
        await stage.until(lambda: is_charged(500))
        assert await stage.admin.get(DEPLOYMENT, stage.namespace, old) is None


async def reason_of_function(stage: Stage, reason: str) -> bool:
    return await stage.reason(FUNCTION, "hello") == reason


async def serves(stage: Stage, revision: str) -> bool:
    service = await stage.admin.get(SERVICE, stage.namespace, "hello")
    selector = ((service or {}).get("spec") or {}).get("selector") or {}
    return selector.get("funkhaus.dev/revision") == revision


async def has_served(stage: Stage, revision: str) -> bool:
    return bool((await stage.status(FUNCTION_REVISION, revision)).get("servedAt"))


async def test_drift_is_repaired_as_soon_as_it_is_seen(stage: Stage) -> None:
    async with stage.controller():
        await stage.tenant_namespace()
        await stage.function()
        revision = await stage.bring_up()
        await stage.until(lambda: stage.ready(FUNCTION, "hello"))
        await stage.admin.delete(DEPLOYMENT, stage.namespace, revision)
        await stage.until(lambda: stage.admin.get(DEPLOYMENT, stage.namespace, revision))
        await stage.admin.delete(NETWORK_POLICY, stage.namespace, "funkhaus-deny")
        await stage.until(lambda: stage.admin.get(NETWORK_POLICY, stage.namespace, "funkhaus-deny"))


async def test_a_bad_object_stops_no_other(stage: Stage) -> None:
    async with stage.controller():
        await stage.tenant_namespace()
        await stage.function("bad", runtime="cobol")
        await stage.function("worse", source={"archive": {"digest": "sha256:" + "0" * 64}})
        await stage.function("good")
        await stage.bring_up("good")
        await stage.until(lambda: stage.ready(FUNCTION, "good"))
        assert await stage.reason(FUNCTION, "bad") == "RuntimeMissing"
        assert await stage.reason(FUNCTION, "worse") == "SourceMissing"


async def test_of_two_controllers_one_works_and_the_other_takes_over(stage: Stage) -> None:
    async with AsyncExitStack() as others:
        first = await others.enter_async_context(stage.controller())
        await stage.tenant_namespace()
        async with stage.controller() as second:
            await asyncio.sleep(0.5)
            assert first._election.leading
            assert not second._election.leading
            await others.aclose()
            await stage.function()
            await stage.bring_up()
            await stage.until(lambda: stage.ready(FUNCTION, "hello"))
            assert second._election.leading


async def test_whose_lease_is_taken_away_ends(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "LEASE_RENEWAL", 0.1)
    async with stage.controller() as operator:
        await stage.until(lambda: leads(operator))
        thief = {"spec": {"holderIdentity": "somebody else"}}
        await stage.admin.merge_patch(LEASE, "default", stage.lease, thief)
        with pytest.raises(LeaseLostError):
            await asyncio.wait_for(stage.running.pop(), SECONDS)


async def leads(operator: Operator) -> bool:
    return operator._election.leading


async def test_a_tenant_that_is_suspended_rests_at_once_and_comes_back(stage: Stage) -> None:
    async def replicas(revision: str) -> int:
        live = await stage.admin.get(DEPLOYMENT, stage.namespace, revision)
        return -1 if live is None else live["spec"]["replicas"]

    async def triggers_say(url: str, schedule: str) -> bool:
        said = [await stage.reason(kind, "caller") for kind in (HTTP_TRIGGER, CRON_JOB_TRIGGER)]
        return said == [url, schedule]

    async def told(*, suspended: bool) -> None:
        """What the use case and the outbox would do; nothing else tells the controller."""
        word = Suspension(SystemClock().now(), "invoice 17", "Ada") if suspended else None
        async with stage.stores.begin(stage.tenant) as work:
            await work.lifecycle.suspend(word)
        patch = {"spec": {"suspended": suspended or None}}
        await stage.admin.merge_patch(TENANT_NAMESPACE, "", stage.namespace, patch)

    async with stage.controller():
        await stage.tenant_namespace()
        await stage.function(scaling={"min": 2, "max": 4})
        for kind, spec in ((HTTP_TRIGGER, {}), (CRON_JOB_TRIGGER, {"schedule": "0 3 * * *"})):
            await stage.admin.apply(
                {
                    "apiVersion": kind.api_version,
                    "kind": kind.name,
                    "metadata": {"namespace": stage.namespace, "name": "caller"},
                    "spec": {"function": "hello"} | spec,
                }
            )
        revision = await stage.bring_up()
        await stage.until(lambda: stage.ready(FUNCTION, "hello"))
        await stage.until(lambda: triggers_say("Routed", "Scheduled"))
        await told(suspended=True)

        async def rests() -> bool:
            gone = await stage.admin.get(AUTOSCALER, stage.namespace, "hello") is None
            said = await stage.reason(FUNCTION, "hello") == "TenantSuspended"
            return gone and said and await replicas(revision) == 0

        await stage.until(rests)
        await stage.until(lambda: triggers_say("TenantSuspended", "TenantSuspended"))
        await told(suspended=False)

        async def back() -> bool:
            there = await stage.admin.get(AUTOSCALER, stage.namespace, "hello") is not None
            return there and await replicas(revision) == 2

        await stage.until(back)
        await stage.until(lambda: triggers_say("Routed", "Scheduled"))
        await stage.bring_up()
        await stage.until(lambda: stage.ready(FUNCTION, "hello"))


async def test_a_namespace_that_was_there_is_adopted_when_told_so(stage: Stage) -> None:
    await stage.admin.apply(
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": stage.namespace, "labels": {"team": "a"}},
        }
    )
    before = await stage.admin.get(NAMESPACE, "", stage.namespace)
    assert before

    async with stage.controller():
        quota = {"functions": 1, "triggers": 1, "replicas": 1, "cpu": "1", "memory": "1Gi"}
        spec = {"tenant": stage.tenant, "name": "main", "quota": quota}
        manifest = {
            "apiVersion": TENANT_NAMESPACE.api_version,
            "kind": "TenantNamespace",
            "metadata": {"name": stage.namespace},
            "spec": spec,
        }
        await stage.admin.apply(manifest)

        async def refused() -> bool:
            return await stage.reason(TENANT_NAMESPACE, stage.namespace, "") == "Conflict"

        await stage.until(refused)
        await stage.admin.apply(manifest | {"spec": spec | {"adopt": True}})
        await stage.until(lambda: stage.ready(TENANT_NAMESPACE, stage.namespace, ""))
        after = await stage.admin.get(NAMESPACE, "", stage.namespace)
        assert after
        assert after["metadata"]["uid"] == before["metadata"]["uid"]
        labels = after["metadata"]["labels"]
        assert (labels["team"], labels["funkhaus.dev/tenant"]) == ("a", stage.tenant)
        assert len(await stage.admin.list(ROLE_BINDING, stage.namespace)) == 5


async def test_a_namespace_ends_when_its_object_does(stage: Stage) -> None:
    async with stage.controller():
        await stage.tenant_namespace()
        await stage.admin.delete(TENANT_NAMESPACE, "", stage.namespace)

        async def ending() -> bool:
            found = await stage.admin.get(NAMESPACE, "", stage.namespace)
            return found is None or "deletionTimestamp" in found["metadata"]

        await stage.until(ending)
