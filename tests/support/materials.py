"""A tenant's namespace in memory, the materialisers on it, and the parts of Kubernetes a test plays by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from funkhaus.domain.build import BuildRules, Index
from funkhaus.domain.gateway import Gateway
from funkhaus.domain.kinds import (
    CRON_JOB_TRIGGER,
    DEPLOYMENT,
    FUNCTION,
    HTTP_TRIGGER,
    POD,
    RUNTIME,
    SERVICE,
    TENANT_NAMESPACE,
)
from funkhaus.domain.tenant import Namespace, NamespaceQuota, Tenant
from funkhaus.domain.upstream import Upstream
from funkhaus.manifests import labels
from funkhaus.services.holding import Holding
from funkhaus.services.ledger import LedgerService
from funkhaus.services.materialisation import (
    CronMaterialiser,
    FunctionMaterialiser,
    NamespaceMaterialiser,
    Next,
    Surroundings,
    TriggerMaterialiser,
)
from funkhaus.services.materialisation.happenings import Happenings
from funkhaus.services.materialisation.idleness import Idleness
from funkhaus.services.materialisation.sleeping import Sleeping
from funkhaus.services.materialisation.standing import Standing
from funkhaus.services.materialisation.upkeep import Upkeep
from funkhaus.services.reviews import ReviewService

from .activity import FakeActivity
from .builds import FakeResults
from .clock import FakeClock
from .cluster import MemoryCluster
from .decider import FakeDecider
from .registry import MemoryRegistry
from .stores import MemoryStores

Manifest = dict[str, Any]
NS = "demo--main"
HOST = "registry.test"
BASE = f"{HOST}/funkhaus/python3.11@sha256:" + "a" * 64
NEWER_BASE = f"{HOST}/funkhaus/python3.11@sha256:" + "b" * 64
BUILD_IMAGE = f"{HOST}/funkhaus/build-python3.11@sha256:" + "c" * 64
RULES = BuildRules(
    Index("https://index.test/simple/", 443, ("192.0.2.0/24",)),
    upstream=Upstream.of(cidrs="0.0.0.0/0"),
)
QUOTA = NamespaceQuota(10, 10, 10, 4000, 8 * 1024**3)
GATEWAY = Gateway("edge", "public")
SURROUNDINGS = Surroundings(
    domain="example.com",
    ingress_class="contour",
    ingress_port=80,
    ingress_namespace="projectcontour",
    system_namespace="funkhaus-system",
    dns_cidrs=("10.222.0.1/32",),
    builds=RULES,
)


class House:
    """Everything a materialiser needs, all of it in memory."""

    def __init__(
        self,
        builds: BuildRules | None = None,
        results: FakeResults | None = None,
        gateway: Gateway | None = GATEWAY,
    ) -> None:
        self.cluster, self.clock = MemoryCluster(), FakeClock()
        self.registry = MemoryRegistry(HOST, {BASE, NEWER_BASE})
        self.results, self.rules = results or FakeResults(), builds or RULES
        self.stores, self.decider = MemoryStores(), FakeDecider()
        self.ledger = LedgerService(self.stores, self.clock)
        self.holding = Holding(self.stores, self.clock)
        judge = ReviewService(
            self.stores,
            self.decider,
            self.ledger,
            self.cluster,
            self.clock,
            domain="example.com",
            system_namespace="funkhaus-system",
            gateway=gateway is not None,
        )
        around = replace(SURROUNDINGS, gateway=gateway)
        happenings = Happenings(self.cluster, self.clock, "funkhaus-controller")
        standing = Standing(self.cluster, self.clock, happenings)
        upkeep = Upkeep(self.cluster, happenings)
        self.activity = FakeActivity()
        sleeping = Sleeping(
            self.cluster,
            upkeep,
            self.clock,
            Idleness(self.activity, self.clock),
            system="funkhaus-system",
        )
        self.functions = FunctionMaterialiser(
            cluster=self.cluster,
            registry=self.registry,
            judge=judge,
            ledger=self.ledger,
            holding=self.holding,
            stores=self.stores,
            clock=self.clock,
            standing=standing,
            upkeep=upkeep,
            results=self.results,
            builds=self.rules,
            sleeping=sleeping,
            kept=10,
        )
        self.triggers = TriggerMaterialiser(
            cluster=self.cluster,
            judge=judge,
            ledger=self.ledger,
            holding=self.holding,
            stores=self.stores,
            clock=self.clock,
            standing=standing,
            upkeep=upkeep,
            surroundings=around,
        )
        self.crons = CronMaterialiser(
            cluster=self.cluster,
            judge=judge,
            ledger=self.ledger,
            holding=self.holding,
            stores=self.stores,
            clock=self.clock,
            standing=standing,
            upkeep=upkeep,
            surroundings=SURROUNDINGS,
        )
        self.namespaces = NamespaceMaterialiser(
            cluster=self.cluster, standing=standing, upkeep=upkeep, surroundings=SURROUNDINGS
        )

    async def settle_in(self) -> None:
        """Tenant, namespace and runtime."""
        async with self.stores.begin_platform() as work:
            await work.add_tenant(Tenant("demo", "small"))
        async with self.stores.begin("demo") as work:
            await work.add_namespace(Namespace("demo", "main", QUOTA))
        self.cluster.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NS}})
        self.install(BASE)
        self.cluster.writes.clear()

    def install(self, image: str) -> None:
        """The Runtime object, as whoever installs images writes it."""
        self.cluster.put(
            {
                "apiVersion": RUNTIME.api_version,
                "kind": "Runtime",
                "metadata": {"name": "python3.11"},
                "spec": {
                    "image": image,
                    "status": "active",
                    "fileSuffix": ".py",
                    "build": {"image": BUILD_IMAGE, "command": ["python3", "-m", "funkhaus_build"]},
                },
            }
        )

    def function(self, name: str = "hello", **spec: Any) -> Manifest:
        """Store a Function as admission would have left it."""
        usual = {
            "runtime": "python3.11",
            "handler": "hello.handler",
            "source": {"inline": {"files": {"hello.py": "def handler(event, context): ..."}}},
            "resources": {"cpu": "250m", "memory": "128Mi"},
            "timeout": 30,
            "concurrency": 8,
            "scaling": {"min": 1, "max": 1, "cpuPercent": 80},
        }
        return self.cluster.put(
            {
                "apiVersion": FUNCTION.api_version,
                "kind": "Function",
                "metadata": {"namespace": NS, "name": name},
                "spec": usual | spec,
            }
        )

    def trigger(self, name: str = "web", **spec: Any) -> Manifest:
        """Store an HTTPTrigger."""
        return self.cluster.put(
            {
                "apiVersion": HTTP_TRIGGER.api_version,
                "kind": "HTTPTrigger",
                "metadata": {"namespace": NS, "name": name},
                "spec": {"function": "hello", "path": "/"} | spec,
            }
        )

    def cron_trigger(self, name: str = "nightly", **spec: Any) -> Manifest:
        """Store a CronJobTrigger as schema and admission would have left it."""
        usual = {
            "function": "hello",
            "schedule": "0 3 * * *",
            "timeZone": "UTC",
            "concurrencyPolicy": "Allow",
            "suspend": False,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 1,
        }
        return self.cluster.put(
            {
                "apiVersion": CRON_JOB_TRIGGER.api_version,
                "kind": "CronJobTrigger",
                "metadata": {"namespace": NS, "name": name},
                "spec": usual | spec,
            }
        )

    def tenant_namespace(self, name: str = NS, **quota: Any) -> Manifest:
        """Store a TenantNamespace as the API server's outbox would."""
        tenant, _, short = name.partition("--")
        usual = {"functions": 10, "triggers": 10, "replicas": 10, "cpu": "4", "memory": "8Gi"}
        return self.cluster.put(
            {
                "apiVersion": TENANT_NAMESPACE.api_version,
                "kind": "TenantNamespace",
                "metadata": {"name": name},
                "spec": {"tenant": tenant, "name": short, "quota": usual | quota},
            }
        )

    async def reconcile(self, name: str = "hello") -> Next:
        """One round for a function."""
        return await self.functions.reconcile(NS, name)

    def status(self, name: str = "hello") -> Manifest:
        """A function's status."""
        status: Manifest = self.cluster.find(FUNCTION, NS, name)["status"]
        return status

    def condition(self, kind: str, name: str = "hello") -> tuple[str, str, str]:
        """A function's condition: status, reason, message."""
        (found,) = [item for item in self.status(name)["conditions"] if item["type"] == kind]
        return found["status"], found["reason"], found["message"]

    def serving(self, name: str = "hello") -> str:
        """The revision the public Service selects."""
        selector: dict[str, str] = self.cluster.find(SERVICE, NS, name)["spec"]["selector"]
        return selector[labels.REVISION]

    def ready(self, deployment: str, count: int | None = None) -> None:
        """Have `count` replicas of a Deployment ready: all of them by default."""
        live = self.cluster.find(DEPLOYMENT, NS, deployment)
        wanted = live["spec"].get("replicas", 1)
        ready = wanted if count is None else count
        self.cluster.write_status(
            DEPLOYMENT,
            NS,
            deployment,
            {
                "observedGeneration": live["metadata"]["generation"],
                "replicas": wanted,
                "updatedReplicas": ready,
                "availableReplicas": ready,
                "readyReplicas": ready,
            },
        )

    def pod(self, revision: str, status: Manifest, name: str = "pod-1") -> None:
        """A pod of a revision with this status."""
        self.cluster.put(
            {
                "apiVersion": POD.api_version,
                "kind": "Pod",
                "metadata": {
                    "namespace": NS,
                    "name": name,
                    "labels": {
                        labels.FUNCTION: revision.rpartition("-")[0],
                        labels.REVISION: revision,
                    },
                },
                "spec": {},
                "status": status,
            }
        )


def ended(code: int, reason: str, at: str, message: str = "", restarts: int = 1) -> Manifest:
    """A pod's status whose container ended and runs again."""
    return {
        "containerStatuses": [
            {
                "name": "function",
                "restartCount": restarts,
                "state": {"running": {}},
                "lastState": {
                    "terminated": {
                        "exitCode": code,
                        "reason": reason,
                        "finishedAt": at,
                        "message": message,
                    }
                },
            }
        ]
    }


def waiting(reason: str, message: str = "") -> Manifest:
    """A pod's status whose container can't start."""
    state = {"waiting": {"reason": reason, "message": message}}
    return {"containerStatuses": [{"name": "function", "restartCount": 0, "state": state}]}
