"""The webhook as a process: what it opens, the two servers, and how it ends."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web

from funkhaus import logs
from funkhaus.domain.errors import UnavailableError
from funkhaus.factory import Opener, SystemClock
from funkhaus.metrics import DECISIONS_LOST, DECISIONS_WRITTEN
from funkhaus.services.decision_log import DecisionLog
from funkhaus.services.ledger import LedgerService
from funkhaus.services.reviews import ReviewService
from funkhaus_webhook import ops, reviewing, tls
from funkhaus_webhook.guarding import Guard
from funkhaus_webhook.router import Router
from funkhaus_webhook.tls import Keeper
from funkhaus_webhook.wanted import Asked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from funkhaus.ports import Clock, Cluster, Decider, Stores
    from funkhaus.settings import Webhook
    from funkhaus_webhook.certificates import Lives

NAME = "funkhaus-webhook"
"""Of the process: its field manager, its database sessions, its Service."""
KEEPALIVE_SECONDS = 120.0
"""Longer than kube-apiserver keeps idle connections, so that it is never us who close one it is about to use."""
DRAIN_SECONDS = 3.0
"""Between not being ready and not listening: endpoints are withdrawn in that time."""
_LOG = logs.logger(__name__)


@dataclass(frozen=True, slots=True)
class World:
    """What the webhook needs of the world."""

    stores: Stores
    decider: Decider
    cluster: Cluster
    clock: Clock


@asynccontextmanager
async def world(settings: Webhook) -> AsyncIterator[World]:
    """The real world, opened and closed again. Raises `InvalidError` for settings that can't be right."""
    async with AsyncExitStack() as stack:
        opener = Opener(stack, NAME)
        yield World(
            await opener.stores(settings),
            await opener.decider(settings),
            await opener.cluster(settings),
            SystemClock(),
        )


class Server:
    """Both servers over a world. `drain` is in seconds; `lives` bound the certificates', and
    `overlap` is how long a new authority is trusted before anything is served by it, in seconds.
    """

    def __init__(
        self,
        settings: Webhook,
        world: World,
        *,
        drain: float = DRAIN_SECONDS,
        lives: Lives | None = None,
        overlap: float = tls.OVERLAP_SECONDS,
    ) -> None:
        self._settings = settings
        self._world = world
        self._drain = drain
        self._stopping = asyncio.Event()
        self._tls = tls.context(settings.webhook_client_ca_file)
        self._keeper = Keeper(
            world.cluster,
            world.clock,
            self._tls,
            hosts=hosts(settings),
            namespace=settings.system_namespace,
            lives=lives,
            overlap=overlap,
        )
        self._guard = Guard(
            world.cluster,
            world.clock,
            namespace=settings.system_namespace,
            asked=Asked(settings.webhook_url, settings.system_namespace, NAME),
            authority=lambda: self._keeper.authority,
            restore=settings.admission_restore,
        )
        self._decisions = DecisionLog(
            world.stores, lost=DECISIONS_LOST.inc, written=DECISIONS_WRITTEN.inc
        )
        self.listening = asyncio.Event()
        """Set once both servers listen, at `address` and `ops_address`."""
        self.address: tuple[str, int] = ("", 0)
        self.ops_address: tuple[str, int] = ("", 0)

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set, then drain. Raises `SchemaMismatchError` at once on a database it does not know."""
        try:
            await self._world.stores.ready()
            await self._world.stores.warm()
        except UnavailableError as error:
            _LOG.warning("database not there yet", error=error.message)
        async with AsyncExitStack() as stack:
            settings = self._settings
            stack.push_async_callback(self._decisions.close)  # after the last review
            self.ops_address = await self._listen(
                stack, self._ops(), settings.webhook_ops_host, settings.webhook_ops_port
            )
            async with asyncio.TaskGroup() as group:
                working = [
                    group.create_task(self._keeper.keep()),
                    group.create_task(self._decisions.keep()),
                    group.create_task(self._guard.keep(self._stopping)),
                ]
                self.address = await self._listen(
                    stack,
                    self._reviews(),
                    settings.webhook_host,
                    settings.webhook_port,
                    secure=True,
                )
                self.listening.set()
                _LOG.info("serving", address=self.address, ops=self.ops_address)
                await stop.wait()
                self._stopping.set()
                _LOG.info("draining", seconds=self._drain)
                await asyncio.sleep(self._drain)
                for task in working:
                    task.cancel()

    def _reviews(self) -> web.Application:
        settings, world = self._settings, self._world
        service = ReviewService(
            world.stores,
            world.decider,
            LedgerService(world.stores, world.clock),
            world.cluster,
            world.clock,
            domain=settings.domain,
            system_namespace=settings.system_namespace,
            members_namespace=settings.members_namespace,
            gateway=settings.route_gateway is not None,
            at_once=settings.reviews_at_once,
            note=self._decisions.note,
        )
        router = Router(service, deadline=settings.review_timeout)
        return reviewing.application(router, review_limit=settings.review_limit)

    def _ops(self) -> web.Application:
        return ops.application(
            {
                "database": self._world.stores.ready,
                "policy": self._world.decider.ready,
                "certificate": self._keeper.ready,
                "process": self._staying,
            }
        )

    async def _staying(self) -> None:
        if self._stopping.is_set():
            raise UnavailableError("the process is ending")

    async def _listen(
        self,
        stack: AsyncExitStack,
        app: web.Application,
        host: str,
        port: int,
        *,
        secure: bool = False,
    ) -> tuple[str, int]:
        runner = web.AppRunner(
            app,
            access_log=None,
            keepalive_timeout=KEEPALIVE_SECONDS,
            shutdown_timeout=self._settings.review_timeout + 1,
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, host, port, ssl_context=self._tls if secure else None).start()
        bound = runner.addresses[0]
        return bound[0], bound[1]


def hosts(settings: Webhook) -> list[str]:
    """What kube-apiserver calls the webhook by: the host of its URL, or its Service's names."""
    if settings.webhook_url:
        return [urlsplit(settings.webhook_url).hostname or settings.webhook_host]
    service = f"{NAME}.{settings.system_namespace}.svc"
    return [service, f"{service}.cluster.local"]
