"""The controller as a process: what runs in it, and how it ends."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import web

from funkhaus import logs
from funkhaus.domain.errors import FunkhausError, UnavailableError
from funkhaus.domain.kinds import (
    CRON_JOB_TRIGGER,
    FUNCTION,
    HTTP_TRIGGER,
    RUNTIME,
    TENANT_NAMESPACE,
)
from funkhaus_controller import ops, schedule
from funkhaus_controller.agenda import Key
from funkhaus_controller.assembly import reconcilers
from funkhaus_controller.decisions import Decisions
from funkhaus_controller.election import Election
from funkhaus_controller.owners import PRIMARY, Fresh, asks_for, concerned
from funkhaus_controller.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from funkhaus.settings import Controller
    from funkhaus_controller.assembly import World

    Sink = Callable[[Mapping[str, Any], bool, bool], None]

DEPENDENTS = 10_000
_DEPENDENT = {
    FUNCTION.name: (HTTP_TRIGGER, CRON_JOB_TRIGGER),
    RUNTIME.name: (FUNCTION,),
    TENANT_NAMESPACE.name: (FUNCTION, HTTP_TRIGGER, CRON_JOB_TRIGGER),
}
"""Whose objects are looked at when one of a kind appears, changes or goes."""
_LOG = logs.logger(__name__)


class Watcher(Protocol):
    """Where events come from (`funkhaus_controller.watching.Watching`)."""

    def start(self) -> None:
        """Begin."""

    async def ended(self) -> None:
        """Wait until it ends; raises what ended it."""

    async def stop(self) -> None:
        """End it."""


class Operator:
    """Holds the lease, watches, works, and compares everything now and then."""

    def __init__(
        self, settings: Controller, world: World, watcher: Callable[[Sink], Watcher]
    ) -> None:
        self._settings, self._world = settings, world
        self._worker = Worker(reconcilers(settings, world))
        self._decisions = Decisions(world.stores, self._worker.add)
        self._election = Election(world.lease)
        self._watcher = watcher(self._seen)
        self._fresh = Fresh()
        self._begun = False
        self._looking: set[asyncio.Task[None]] = set()
        self.ops_address: tuple[str, int] = ("", 0)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set. Raises `SchemaMismatchError` at once, `LeaseLostError` when another one works."""
        try:
            await self._world.stores.ready()
        except UnavailableError as error:
            _LOG.warning("database not there yet", error=error.message)
        async with AsyncExitStack() as stack:
            await self._listen(stack)
            waiting = asyncio.create_task(stop.wait())
            working = asyncio.create_task(self._work())
            try:
                await asyncio.wait({waiting, working}, return_when=asyncio.FIRST_COMPLETED)
                if working.done():
                    working.result()
                _LOG.info("ending", seconds=schedule.DRAIN)
            finally:
                await self._end(working)
                waiting.cancel()

    async def _work(self) -> None:
        await self._kinds_served()
        await self._election.win()
        self._watcher.start()
        parts = [
            asyncio.create_task(part)
            for part in (
                self._worker.run(),
                self._election.keep(),
                self._watcher.ended(),
                self._resync(),
                self._decisions.run(),
            )
        ]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
            raise UnavailableError("a part of the controller ended by itself")
        finally:
            self._worker.drain()
            await asyncio.wait({parts[0]}, timeout=schedule.DRAIN)
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

    async def _end(self, working: asyncio.Task[None]) -> None:
        """What runs may finish, then the next controller may begin."""
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        for task in self._looking:
            task.cancel()
        await self._watcher.stop()
        await self._election.leave()

    async def _kinds_served(self) -> None:
        """Wait until kube-apiserver has our kinds: watches of kinds it does not have are never begun."""
        while True:
            try:
                for kind in (*PRIMARY, RUNTIME):
                    await self._world.cluster.keys(kind)
            except FunkhausError as error:
                _LOG.warning("the cluster is not ready for us", error=error.message)
                await asyncio.sleep(schedule.LEASE_RENEWAL)
            else:
                return

    async def _resync(self) -> None:
        """Look at everything at once in the beginning, and then all over again, spread over the period."""
        spread = 0.0
        while True:
            try:
                for kind in PRIMARY:
                    for namespace, name in await self._world.cluster.keys(kind):
                        after = random.uniform(0, spread)  # noqa: S311 - spreads the work
                        self._worker.add(Key(kind.name, namespace, name), after)
                await self._decisions.all_open()
            except FunkhausError as error:
                _LOG.warning("not everything could be listed", error=error.message)
            else:
                self._begun = True
            spread = self._settings.resync
            await asyncio.sleep(self._settings.resync)

    def _seen(self, manifest: Mapping[str, Any], deleted: bool, listed: bool) -> None:  # noqa: FBT001 - a callback
        """An event; `listed` ones are of the initial listing, where dependents come by themselves."""
        if not self._fresh.is_news(manifest, deleted=deleted):
            return
        for key in concerned(manifest):
            self._worker.add(key)
        if not listed and manifest["kind"] in _DEPENDENT:
            task = asyncio.create_task(self._dependents(manifest))
            self._looking.add(task)
            task.add_done_callback(self._looking.discard)

    async def _dependents(self, changed: Mapping[str, Any]) -> None:
        """Have those looked at that name what appeared, changed or went."""
        kinds = _DEPENDENT[changed["kind"]]
        namespace = changed["metadata"].get("namespace", "")
        if changed["kind"] == TENANT_NAMESPACE.name:  # its tenant rests, or works again
            namespace = changed["metadata"]["name"]
        for kind in kinds:
            try:
                found = await self._world.cluster.list(kind, namespace, limit=DEPENDENTS)
            except FunkhausError as error:
                _LOG.warning("dependents wait for the resync", error=error.message)
                return
            for item in found:
                if asks_for(item, changed):
                    meta = item["metadata"]
                    self._worker.add(Key(kind.name, meta["namespace"], meta["name"]))

    async def _listen(self, stack: AsyncExitStack) -> None:
        checks = {
            "database": self._world.stores.ready,
            "policy": self._world.decider.ready,
            "work": self._working,
        }
        runner = web.AppRunner(ops.application(checks), access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        host, port = self._settings.controller_ops_host, self._settings.controller_ops_port
        await web.TCPSite(runner, host, port).start()
        self.ops_address = runner.addresses[0][:2]
        _LOG.info("serving", ops=self.ops_address)

    async def _working(self) -> None:
        """A candidate that waits is ready too; a leader is when it has seen everything once."""
        await self._world.cluster.keys(TENANT_NAMESPACE)
        if self._election.leading and not self._begun:
            raise UnavailableError("everything is looked at for the first time")
