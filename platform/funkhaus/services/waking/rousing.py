"""Waking a function: one scale-up however many call, and a replica that takes calls.

A replica is asked itself whether it takes calls, as soon as it has an address: kubelet's probes would tell a second later.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus.domain.errors import NotFoundError, TimedOutError, UnavailableError
from funkhaus.domain.kinds import DEPLOYMENT, ENDPOINT_SLICE, POD, SERVICE
from funkhaus.manifests import labels, waking

if TYPE_CHECKING:
    from collections.abc import Callable

    from funkhaus.ports import Activity, Cluster, Manifest
    from funkhaus.services.waking.finding import Target

AWAKE_KEPT = 10_000
"""Functions whose replica is remembered."""


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds: for a function to wake, for one that does not sleep to be found ready, between looks whether it has to be
    woken again, between questions to a replica, and for which a replica that took calls is believed to go on.
    """

    wake: float = 30.0
    awake: float = 3.0
    again: float = 1.0
    probe: float = 0.02
    fresh: float = 5.0


class Rouser:
    """One attempt per function at a time; everybody who calls meanwhile waits for that one. `woke` is told of scale-ups."""

    def __init__(
        self, cluster: Cluster, activity: Activity, times: Times, woke: Callable[[], None]
    ) -> None:
        self._cluster, self._activity, self._times, self._woke = cluster, activity, times, woke
        self._attempts: dict[Target, asyncio.Task[str]] = {}
        self._awake: OrderedDict[Target, tuple[float, str]] = OrderedDict()

    async def replica(self, target: Target) -> str:
        """The address of a replica that takes calls.

        Raises `NotFoundError` where there is no such function, `TimedOutError` where none becomes ready in time, and
        `UnavailableError`.
        """
        known = self._awake.get(target)
        if known and known[0] > time.monotonic():
            return known[1]
        attempt = self._attempts.get(target)
        if attempt is None:
            attempt = self._attempts[target] = asyncio.create_task(self._attempt(target))
            attempt.add_done_callback(lambda done: self._ended(target, done))
        return await asyncio.shield(attempt)

    def doubt(self, target: Target, host: str) -> None:
        """That replica did not take a call: look again."""
        if (known := self._awake.get(target)) and known[1] == host:
            del self._awake[target]

    async def close(self) -> None:
        """Give up what is under way."""
        for task in list(self._attempts.values()):
            task.cancel()
        await asyncio.gather(*self._attempts.values(), return_exceptions=True)

    def _ended(self, target: Target, done: asyncio.Task[str]) -> None:
        self._attempts.pop(target, None)
        if not done.cancelled():
            done.exception()  # everybody who waited may have gone

    async def _attempt(self, target: Target) -> str:
        selected = await self._selected(target)
        try:
            async with asyncio.timeout(self._times.wake), asyncio.TaskGroup() as group:
                attempt = _Attempt(self._activity, self._times.probe, group)
                watching = group.create_task(self._watch(target, selected, attempt))
                raising = group.create_task(self._raise(target, selected[labels.REVISION]))
                host = await attempt.found
                for task in (watching, raising, *attempt.probes.values()):
                    task.cancel()
        except TimeoutError:
            raise TimedOutError(
                f"function {target.function!r} was woken and is not ready after {self._times.wake:g} s; "
                f"`funkhaus function describe {target.function}` says why"
            ) from None
        except BaseExceptionGroup as group_error:
            raise group_error.exceptions[0] from None
        self._awake[target] = (time.monotonic() + self._times.fresh, host)
        self._awake.move_to_end(target)
        while len(self._awake) > AWAKE_KEPT:
            self._awake.popitem(last=False)
        return host

    async def _selected(self, target: Target) -> dict[str, str]:
        """The labels of the pods that serve, as the public Service says it."""
        service = await self._cluster.get(SERVICE, target.namespace, target.function)
        meta: Manifest = (service or {}).get("metadata") or {}
        ours = (meta.get("labels") or {}).get(labels.FUNCTION) == target.function
        selector = ((service or {}).get("spec") or {}).get("selector") or {}
        if not ours or not selector.get(labels.REVISION):
            raise NotFoundError(f"there is no function {target.function!r} that serves")
        return {str(key): str(value) for key, value in selector.items()}

    async def _watch(self, target: Target, selected: dict[str, str], attempt: _Attempt) -> None:
        while True:  # a watch may end before its time
            async for pod, deleted in self._cluster.watch(
                POD, target.namespace, labels=selected, seconds=self._times.wake
            ):
                attempt.see(pod, gone=deleted)
            await asyncio.sleep(self._times.again)

    async def _raise(self, target: Target, revision: str) -> None:
        """Set it from 0 to 1, for as long as it sleeps. What does not may not be woken: the controller says what does."""
        began = time.monotonic()
        while True:
            if await self._cluster.get(
                ENDPOINT_SLICE, target.namespace, waking.name(target.function)
            ):
                began = time.monotonic()
                with contextlib.suppress(NotFoundError):  # it is replaced just now
                    if await self._cluster.rescale(
                        DEPLOYMENT, target.namespace, revision, was=0, to=1
                    ):
                        self._woke()
            elif time.monotonic() - began > self._times.awake:
                raise UnavailableError(
                    f"function {target.function!r} has no replica that takes calls, and is not to be woken"
                )
            await asyncio.sleep(self._times.again)


class _Attempt:
    """The pods of one attempt; `found` is the first address that takes calls."""

    def __init__(self, activity: Activity, pause: float, group: asyncio.TaskGroup) -> None:
        self._activity, self._pause, self._group = activity, pause, group
        self.found: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.probes: dict[str, asyncio.Task[None]] = {}

    def see(self, pod: Manifest, *, gone: bool) -> None:
        """Ask a pod as long as it lives."""
        meta, status = pod["metadata"], pod.get("status") or {}
        uid, host = str(meta.get("uid", "")), str(status.get("podIP") or "")
        ends = (
            gone or meta.get("deletionTimestamp") or status.get("phase") in {"Succeeded", "Failed"}
        )
        if ends:
            if probe := self.probes.pop(uid, None):
                probe.cancel()
        elif host and uid not in self.probes:
            self.probes[uid] = self._group.create_task(self._probe(host))

    async def _probe(self, host: str) -> None:
        while not await self._activity.ready(host):  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(self._pause)
        if not self.found.done():
            self.found.set_result(host)
