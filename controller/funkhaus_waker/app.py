"""The waker as a process: what it opens, the two servers, and how it ends."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from funkhaus import logs, metrics
from funkhaus.domain.kinds import SERVICE
from funkhaus.factory import Opener
from funkhaus.manifests import waking
from funkhaus.services.waking import Callers, Finder, Limits, Room, Rouser, Times, networks
from funkhaus_waker import ops
from funkhaus_waker.calls import Calls
from funkhaus_waker.passing import Passing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from funkhaus.ports import Activity, Cluster
    from funkhaus.settings import Waker

NAME = "funkhaus-waker"
FINISH_SECONDS = 30.0
"""For calls under way when it ends."""
HEADER_BYTES = 32 * 1024
_LOG = logs.logger(__name__)


@dataclass(frozen=True, slots=True)
class World:
    """What the waker needs of the world."""

    cluster: Cluster
    activity: Activity


@asynccontextmanager
async def world(settings: Waker) -> AsyncIterator[World]:
    """The real world, opened and closed again. Raises `InvalidError` for settings that can't be right."""
    async with AsyncExitStack() as stack:
        opener = Opener(stack, NAME)
        yield World(await opener.cluster(settings), opener.activity())


class Server:
    """Calls on one port, health and metrics on another. `target_port` is the functions'; `times` are seconds."""

    def __init__(
        self,
        settings: Waker,
        world: World,
        *,
        target_port: int = 0,
        times: Times | None = None,
    ) -> None:
        self._settings, self._world = settings, world
        self._target_port = target_port
        self._times = times or Times(wake=settings.waker_seconds)
        self._stopping = False
        self.listening = asyncio.Event()
        """Set once both servers listen, at `address` and `ops_address`."""
        self.address: tuple[str, int] = ("", 0)
        self.ops_address: tuple[str, int] = ("", 0)

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set, then drain."""
        settings, world = self._settings, self._world
        async with AsyncExitStack() as stack:
            rouser = Rouser(world.cluster, world.activity, self._times, metrics.WAKER_WAKES.inc)
            stack.push_async_callback(rouser.close)
            passing = Passing.open(settings, self._target_port)
            stack.push_async_callback(passing.close)
            limits = Limits(
                settings.waker_calls_function, settings.waker_calls_tenant, settings.waker_calls
            )
            callers = Callers(world.cluster, networks(settings.waker_callers))
            calls = Calls(Finder(world.cluster, callers), Room(limits), rouser, passing)
            self.ops_address = await _listen(
                stack,
                web.AppRunner(ops.application(self._ready), access_log=None),
                settings.waker_ops_host,
                settings.waker_ops_port,
            )
            server = web.Server(
                calls.handle,
                access_log=None,
                max_line_size=HEADER_BYTES,
                max_field_size=HEADER_BYTES,
            )
            runner = web.ServerRunner(server, shutdown_timeout=FINISH_SECONDS)
            self.address = await _listen(stack, runner, settings.waker_host, settings.waker_port)
            self.listening.set()
            _LOG.info("serving", address=self.address, ops=self.ops_address)
            await stop.wait()
            self._stopping = True
            _LOG.info("draining", seconds=settings.waker_drain)
            await asyncio.sleep(settings.waker_drain)

    async def _ready(self) -> str:
        """Empty while calls may come; else why not."""
        if self._stopping:
            return "ending"
        await self._world.cluster.get(SERVICE, self._settings.system_namespace, waking.SERVICE)
        return ""


async def _listen(
    stack: AsyncExitStack, runner: web.BaseRunner, host: str, port: int
) -> tuple[str, int]:
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, host, port).start()
    found: tuple[str, int] = runner.addresses[0][:2]
    return found
