"""Where adapters are opened from settings, once for every door: nobody else knows which one is behind which port."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from funkhaus.kube import KubeCluster
from funkhaus.policy.client import OpaDecider
from funkhaus.registry import OciRegistry
from funkhaus.storage import PostgresStores, open_engine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AsyncExitStack

    from funkhaus.settings import Api, Common, Controller, Database, Webhook


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

    def registry(self, settings: Api | Controller) -> OciRegistry:
        """The OCI registry."""
        registry = OciRegistry.connect(settings.registry, plain_http=settings.registry_plain_http)
        self._stack.push_async_callback(registry.close)
        return registry
