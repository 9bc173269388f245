"""The webhook itself, in a thread of its own, over whatever world a test gives it."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from funkhaus.domain.tenant import Namespace, NamespaceQuota, Tenant
from funkhaus.factory import SystemClock
from funkhaus.kube.client import KubeCluster
from funkhaus.policy.client import OpaDecider
from funkhaus.settings import Webhook
from funkhaus_webhook.app import Server, World

from .parts import Part, is_well
from .ports import free_port
from .questions import DOMAIN
from .stores import MemoryStores

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aiohttp import web

    from funkhaus.ports import Cluster
    from funkhaus_webhook.certificates import Lives

START_SECONDS = 20


@dataclass
class Running:
    """A webhook that runs: its database, and where it listens."""

    stores: MemoryStores
    address: tuple[str, int] = ("", 0)
    ops_address: tuple[str, int] = ("", 0)
    problem: BaseException | None = None
    ready: threading.Event = field(default_factory=threading.Event)


def demo_stores() -> MemoryStores:
    """A database with the tenant demo, on the plan small, and its namespace default."""
    stores = MemoryStores()
    stores.state.tenants["demo"] = Tenant("demo", "small")
    # Nobody releases anything here: room for a whole run.
    quota = NamespaceQuota(60, 60, 60, 12_000, 12 * 1024**3, 60)
    namespace = Namespace("demo", "default", quota)
    stores.state.namespaces["demo", "default"] = (namespace, True)
    return stores


class Parting(Server):
    """One that ends the connection with every answer, so that every review begins with a handshake."""

    def _reviews(self) -> web.Application:
        app = super()._reviews()

        async def part(_: web.Request, response: web.StreamResponse) -> None:
            response.headers["Connection"] = "close"
            response.force_close()

        app.on_response_prepare.append(part)
        return app


@contextmanager
def serving(
    opa_url: str,
    *,
    kubeconfig: str = "",
    cluster: Cluster | None = None,
    port: int = 0,
    opa_timeout: float = 1.0,
    review_timeout: float = 2.5,
    review_limit: int = 8 * 1024 * 1024,
    lives: Lives | None = None,
    overlap: float = 0.0,
    callers: str = "",
    gateway: str = "",
    kind: type[Server] = Server,
) -> Iterator[Running]:
    """Serve with OPA at `opa_url`, on a cluster or on the one of `kubeconfig`; `callers` is who may ask, as a file, and
    `gateway` what the platform names.
    """
    settings = Webhook(
        domain=DOMAIN,
        webhook_url="https://127.0.0.1",
        webhook_port=port,
        webhook_ops_port=0,
        opa_url=opa_url,
        review_timeout=review_timeout,
        review_limit=review_limit,
        webhook_client_ca_file=callers,
        gateway=gateway,
        admission_restore=False,  # tests open admission themselves
    )
    running = Running(demo_stores())
    ending: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def main() -> None:
        stop = asyncio.Event()
        async with AsyncExitStack() as stack:
            decider = await stack.enter_async_context(OpaDecider(opa_url, timeout=opa_timeout))
            world_cluster = cluster
            if world_cluster is None:
                real = await KubeCluster.connect(kubeconfig, manager="funkhaus-webhook")
                stack.push_async_callback(real.close)
                world_cluster = real
            world = World(running.stores, decider, world_cluster, SystemClock())
            server = kind(settings, world, drain=0, lives=lives, overlap=overlap)
            serving_task = asyncio.create_task(server.run(stop))
            listening = asyncio.create_task(server.listening.wait())
            await asyncio.wait((serving_task, listening), return_when=asyncio.FIRST_COMPLETED)
            listening.cancel()
            running.address, running.ops_address = server.address, server.ops_address
            ending.append((asyncio.get_running_loop(), stop))
            running.ready.set()
            await serving_task

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001 - told to the test, in its own thread
            running.problem = error
        finally:
            running.ready.set()

    thread = threading.Thread(target=run, name="webhook")
    thread.start()
    try:
        assert running.ready.wait(START_SECONDS)
        assert running.problem is None, running.problem
        yield running
    finally:
        for loop, stop in ending:
            with suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(stop.set)
        thread.join(START_SECONDS)
        assert not thread.is_alive()
    assert running.problem is None, running.problem


def part(folder: Path, *, database: str, opa_url: str, kubeconfig: Path, port: int) -> Part:
    """The webhook as the process it is, on a real database; ready where it would get requests of a Service."""
    ops = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        "FUNKHAUS_DATABASE_URL": database,
        "FUNKHAUS_OPA_URL": opa_url,
        "FUNKHAUS_KUBECONFIG": str(kubeconfig),
        "FUNKHAUS_DOMAIN": DOMAIN,
        "FUNKHAUS_WEBHOOK_URL": "https://127.0.0.1",
        "FUNKHAUS_WEBHOOK_PORT": str(port),
        "FUNKHAUS_WEBHOOK_OPS_PORT": str(ops),
        "FUNKHAUS_ADMISSION_RESTORE": "false",  # tests open admission themselves
    }
    argv = (sys.executable, "-m", "funkhaus_webhook")
    address = f"http://127.0.0.1:{ops}/readyz"
    return Part(argv, folder / "webhook.log", lambda: is_well(address), env=environment)
