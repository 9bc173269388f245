"""API server and webhook in one loop on a real kube-apiserver, each by its own account; tokens are kube-apiserver's."""

from __future__ import annotations

import asyncio
import json
import subprocess
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from funkhaus.domain.kinds import FUNCTION, Kind
from funkhaus.domain.tenant import Namespace
from funkhaus.kube import KubeCluster
from funkhaus.manifests import tenant as tenant_manifests
from funkhaus.manifests.labels import Owner
from funkhaus.policy.client import OpaDecider
from funkhaus.settings import Webhook
from funkhaus_webhook.app import Server
from funkhaus_webhook.app import World as WebhookWorld

from .api import QUOTA, Client, World, serving
from .chart import with_token
from .clock import FakeClock
from .questions import DOMAIN
from .stores import MemoryStores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from funkhaus.domain.cluster_address import ClusterAddress
    from funkhaus.domain.subject import Role, Subject

    from .apiserver import ApiServer

MEMBERS = "funkhaus-system-members"
SECONDS = 30
"""After which something that has to happen is given up."""
ACCESS = Kind(
    "authorization.k8s.io/v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", False
)
OTHERS_ACCESS = Kind(
    "authorization.k8s.io/v1", "SubjectAccessReview", "subjectaccessreviews", False
)


@dataclass(frozen=True)
class Site:
    """The apiserver, what the API server and the webhook reach it by, and what it calls the webhook at."""

    server: ApiServer
    api_config: Path
    webhook_config: Path
    webhook_port: int
    opa_url: str
    signing_key: Path


@dataclass
class Member:
    """Somebody with a credential of ours, and the token it was exchanged for."""

    subject: Subject
    api: Client
    token: str
    kubeconfig: Path
    cluster: KubeCluster

    @property
    def account(self) -> str:
        return f"fh-{self.subject.id}-{self.subject.token_id}"

    async def kubectl(
        self, *words: str, stdin: dict[str, Any] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(
            subprocess.run,
            ["kubectl", f"--kubeconfig={self.kubeconfig}", "--request-timeout=20s", *words],
            input=json.dumps(stdin) if stdin else None,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    async def may(self, verb: str, group: str, resource: str, namespace: str) -> bool:
        """What kube-apiserver says to the token."""
        asked = attributes(verb, group, resource, namespace)
        review = {"apiVersion": ACCESS.api_version, "kind": ACCESS.name, "spec": asked}
        answer = await self.cluster.request("POST", ACCESS.path(), body=review)
        return bool(answer["status"]["allowed"])


def attributes(verb: str, group: str, resource: str, namespace: str) -> dict[str, Any]:
    resource, _, subresource = resource.partition("/")
    asked = {"verb": verb, "group": group, "resource": resource, "namespace": namespace}
    return {"resourceAttributes": asked | ({"subresource": subresource} if subresource else {})}


@dataclass
class MembersHouse:
    """Tenants blue and red, each with a namespace default; the platform's processes run."""

    site: Site
    world: World
    nobody: Client
    admin: KubeCluster
    folder: Path
    opened: list[KubeCluster]

    async def member(self, credential: str) -> Member:
        """Whoever has a token or a session of ours: exchanged, and let in by kube-apiserver."""
        api = self.nobody.holding(credential)
        subject = await self.world.services().identities.of_token(credential, "127.0.0.1")
        made = await api.post("/v1/me/kubectl-credential", {})
        assert made.status == 201, made.body
        token = str(made.json["token"])
        path = with_token(self.site.server, token, self.folder / f"{subject.token_id}.yaml")
        cluster = await KubeCluster.connect(str(path), manager="kubectl")
        self.opened.append(cluster)
        return Member(subject, api, token, path, cluster)

    async def holder(self, role: Role, tenant: str = "blue") -> Member:
        return await self.member(await self.world.token(tenant, role))

    async def by_group(
        self, subject: Subject, verb: str, group: str, resource: str, namespace: str
    ) -> bool:
        """What kube-apiserver would say to the subject if it had asked us who that is."""
        review = {
            "apiVersion": OTHERS_ACCESS.api_version,
            "kind": OTHERS_ACCESS.name,
            "spec": {
                **attributes(verb, group, resource, namespace),
                "user": subject.username,
                "groups": [*subject.groups, "system:authenticated"],
            },
        }
        answer = await self.admin.request("POST", OTHERS_ACCESS.path(), body=review)
        return bool(answer["status"]["allowed"])

    async def furnish(self, tenant: str, name: str) -> None:
        """A namespace of the tenant's, in the database and as the controller makes it."""
        namespace = Namespace(tenant, name, QUOTA)
        async with self.world.stores.begin(tenant) as work:
            await work.add_namespace(namespace)
        namespace = replace(namespace, plan="small")
        place, owner = tenant_manifests.site(namespace), Owner(FUNCTION, "x", "0")
        for manifest in (
            tenant_manifests.kubernetes_namespace(namespace, owner),
            *tenant_manifests.role_bindings(place, owner),
        ):
            del manifest["metadata"]["ownerReferences"]
            await self.admin.apply(manifest, force=True)


async def until(what: str, holds: Callable[[], Awaitable[bool]], pause: float = 0.02) -> float:
    """Wait until something holds; after how many seconds it did. Fails where it never does."""
    began = asyncio.get_running_loop().time()
    while not await holds():
        if asyncio.get_running_loop().time() - began > SECONDS:
            raise AssertionError(f"not within {SECONDS} s: {what}")
        await asyncio.sleep(pause)
    return asyncio.get_running_loop().time() - began


@asynccontextmanager
async def members_house(
    site: Site, folder: Path, address: ClusterAddress | None = None
) -> AsyncIterator[MembersHouse]:
    """Everything runs; `address` is where people are told that kube-apiserver is."""
    clock = FakeClock(datetime.now(UTC))  # kube-apiserver tells by its own when a token ends
    world = World(MemoryStores(), members=MEMBERS, clock=clock, cluster_address=address)
    for tenant in ("blue", "red"):
        await world.tenant(tenant)
    opened = [
        await KubeCluster.connect(str(config), manager=manager)
        for config, manager in (
            (site.server.kubeconfig, "chart"),
            (site.api_config, "funkhaus-api"),
            (site.webhook_config, "funkhaus-webhook"),
        )
    ]
    admin, api_cluster, webhook_cluster = opened
    try:
        async with (
            OpaDecider(site.opa_url, timeout=5) as decider,
            webhook(site, WebhookWorld(world.stores, decider, webhook_cluster, world.clock)),
            serving(world.services(api_cluster)) as nobody,
        ):
            house = MembersHouse(site, world, nobody, admin, folder, opened)
            for tenant in ("blue", "red"):
                await house.furnish(tenant, "default")
            yield house
    finally:
        for cluster in opened:
            await cluster.close()


@asynccontextmanager
async def webhook(site: Site, world: WebhookWorld) -> AsyncIterator[None]:
    """The webhook, as kube-apiserver calls it."""
    settings = Webhook(
        domain=DOMAIN,
        webhook_url="https://127.0.0.1",
        webhook_port=site.webhook_port,
        webhook_ops_port=0,
        opa_url=site.opa_url,
        review_timeout=10,
        kubectl="token-request",
    )
    stop = asyncio.Event()
    server = Server(settings, world, drain=0)
    running = asyncio.create_task(server.run(stop))
    listening = asyncio.create_task(server.listening.wait())
    await asyncio.wait((running, listening), return_when=asyncio.FIRST_COMPLETED)
    listening.cancel()
    assert not running.done(), running.exception()
    try:
        yield
    finally:
        stop.set()
        await running
