"""Where adapters are opened from settings, once for every door: nobody else knows which one is behind which port."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from funkhaus.auth.bundle_signing import RsaSigner
from funkhaus.domain.cluster_address import ClusterAddress
from funkhaus.domain.errors import InvalidError
from funkhaus.domain.verdict import Finding
from funkhaus.kube import KubeCluster
from funkhaus.kube.connection import Connection
from funkhaus.pods import PodActivity
from funkhaus.policy import bundle
from funkhaus.policy.client import OpaDecider
from funkhaus.policy.compiler import OpaCompiler
from funkhaus.policy.trial import OpaTrial
from funkhaus.registry import OciRegistry
from funkhaus.services.policies import PolicyFeed
from funkhaus.storage import PostgresStores, open_engine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AsyncExitStack

    from funkhaus.settings import Api, Common, Controller, Database, Webhook


BUNDLE_TOKEN_LENGTH = 32
"""Characters of the token OPA shows, at least."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The current instant, aware, UTC."""
        return datetime.now(UTC)


@asynccontextmanager
async def opened_stores(settings: Database, name: str) -> AsyncIterator[PostgresStores]:
    """The database; `name` is what it shows for the process. Raises `InvalidError` for a URL that can't be right."""
    engine = open_engine(
        settings.database_url,
        pool=settings.database_pool,
        seconds=settings.database_timeout,
        name=name,
    )
    try:
        yield PostgresStores(engine)
    finally:
        await engine.close()


async def cluster_address(settings: Api) -> ClusterAddress | None:
    """Where people reach kube-apiserver, ``None`` where nobody said: a pod's own way there is no way for people.

    Raises `InvalidError` for settings that can't be right.
    """
    if settings.cluster_server and settings.cluster_ca:
        return ClusterAddress.of(settings.cluster_server, settings.cluster_ca)
    if not (settings.cluster_server or settings.kubeconfig):
        return None
    own = await Connection.of(settings.kubeconfig)
    if not (settings.cluster_server or own.server.startswith("https://")):
        return None  # a proxy beside this process: no way for people either
    pem = settings.cluster_ca
    if not pem and own.ca_path:
        pem = await asyncio.to_thread(Path(own.ca_path).read_text, encoding="utf-8")
    return ClusterAddress.of(settings.cluster_server or own.server, pem)


def policy_feed(settings: Api) -> PolicyFeed:
    """How policy sets are tried out and handed to OPA; raises `InvalidError` for settings that can't be right."""
    compiler, trial = OpaCompiler(settings.opa_program), OpaTrial(settings.opa_program)
    if not settings.policy_signing_key:
        return PolicyFeed(compiler, trial)
    if len(settings.policy_bundle_token) < BUNDLE_TOKEN_LENGTH:
        raise InvalidError.at(
            Finding(
                "setting-missing",
                f"has to have {BUNDLE_TOKEN_LENGTH} characters or more where bundles are signed",
                "FUNKHAUS_POLICY_BUNDLE_TOKEN",
            )
        )
    signer = RsaSigner(settings.policy_signing_key)
    return PolicyFeed(
        compiler,
        trial,
        lambda policies: bundle.build(policies, signer),
        settings.policy_bundle_token,
    )


class Opener:
    """Opens what a process needs; `stack` closes it. `name` is the process's: its field manager, its database sessions."""

    def __init__(self, stack: AsyncExitStack, name: str) -> None:
        self._stack, self._name = stack, name

    async def stores(self, settings: Database) -> PostgresStores:
        """The database; nothing is connected yet."""
        return await self._stack.enter_async_context(opened_stores(settings, self._name))

    async def cluster(self, settings: Common) -> KubeCluster:
        """kube-apiserver, as this process."""
        cluster = await KubeCluster.connect(settings.kubeconfig, manager=self._name)
        self._stack.push_async_callback(cluster.close)
        return cluster

    async def decider(self, settings: Webhook | Controller) -> OpaDecider:
        """The policy engine."""
        decider = OpaDecider(settings.opa_url, timeout=settings.opa_timeout)
        return await self._stack.enter_async_context(decider)

    def activity(self) -> PodActivity:
        """Functions' replicas; call inside a running event loop."""
        activity = PodActivity.open()
        self._stack.push_async_callback(activity.close)
        return activity

    def registry(self, settings: Api | Controller) -> OciRegistry:
        """The OCI registry."""
        registry = OciRegistry.connect(settings.registry, plain_http=settings.registry_plain_http)
        self._stack.push_async_callback(registry.close)
        return registry
