"""A function's replicas: what they wrote, and how they are."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus.crd import conditions
from funkhaus.domain.errors import ConflictError, FunkhausError, NotFoundError
from funkhaus.domain.kinds import POD
from funkhaus.domain.permission import Permission
from funkhaus.manifests import labels
from funkhaus.manifests.pod import CONTAINER

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    from funkhaus.domain.subject import Subject
    from funkhaus.ports import Cluster, Manifest
    from funkhaus.services.acts import Asker
    from funkhaus.services.functions import FunctionService
    from funkhaus.services.resources import Place

REPLICAS = 20
"""Replicas whose logs are read at once."""
WAITING = 256
"""Lines that wait for a slow reader; the replicas' streams stand still meanwhile."""


@dataclass(frozen=True, slots=True)
class LogOptions:
    """Which lines: the last `tail` of each replica, those before the last restart, those to come."""

    tail: int
    previous: bool = False
    follow: bool = False


class LogService:
    """Logs of a function, read as the user."""

    def __init__(self, functions: FunctionService, cluster: Cluster) -> None:
        self._functions, self._cluster = functions, cluster

    async def lines(
        self, asker: Asker, place: Place, name: str, options: LogOptions
    ) -> AsyncIterator[bytes]:
        """Lines of all replicas; with several, each begins with its replica's name in brackets.

        Raises, before the first line, `NotFoundError` and `ForbiddenError`, and `ConflictError` when there is no replica.
        """
        async with self._functions.reading(asker, place, Permission.FUNCTION_LOGS, name) as where:
            function = await self._functions.one(asker, where, name)
            pods = await self._cluster.list(
                POD,
                where.cluster_name,
                labels={labels.FUNCTION: name},
                limit=REPLICAS,
                subject=asker.subject,
            )
        if not pods:
            ready = conditions.find(function, conditions.READY) or {}
            said = f"; {ready.get('reason')}: {ready.get('message')}" if ready else ""
            raise ConflictError(f"function {name!r} has no replica whose log could be read{said}")
        if options.previous and not (pods := [pod for pod in pods if _restarted(pod)]):
            raise NotFoundError(
                f"no replica of function {name!r} was restarted: there is no previous log"
            )
        return self._all(asker.subject, pods, options)

    async def _all(
        self, subject: Subject, pods: Sequence[Manifest], options: LogOptions
    ) -> AsyncGenerator[bytes]:
        if not options.follow:
            for pod in pods:
                async with aclosing(self._one(subject, pod, options, tag=len(pods) > 1)) as lines:
                    async for line in lines:
                        yield line
            return
        async with aclosing(self._together(subject, pods, options)) as merged:
            async for line in merged:
                yield line

    async def _together(
        self, subject: Subject, pods: Sequence[Manifest], options: LogOptions
    ) -> AsyncGenerator[bytes]:
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(WAITING)

        async def read(pod: Manifest) -> None:
            try:
                async with aclosing(self._one(subject, pod, options, tag=len(pods) > 1)) as lines:
                    async for line in lines:
                        await queue.put(line)
            finally:
                await queue.put(None)

        tasks = [asyncio.create_task(read(pod)) for pod in pods]
        try:
            ended = 0
            while ended < len(tasks):
                line = await queue.get()
                if line is None:
                    ended += 1
                else:
                    yield line
        finally:
            for task in tasks:
                task.cancel()
            # A reader that is stuck on the full queue ends with its cancellation, not with room.
            while not queue.empty():
                queue.get_nowait()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _one(
        self, subject: Subject, pod: Manifest, options: LogOptions, *, tag: bool
    ) -> AsyncGenerator[bytes]:
        name = pod["metadata"]["name"]
        prefix = f"[{name}] ".encode() if tag else b""
        try:
            async for line in self._cluster.logs(
                pod["metadata"]["namespace"],
                name,
                container=CONTAINER,
                tail=options.tail,
                previous=options.previous,
                follow=options.follow,
                subject=subject,
            ):
                yield prefix + line
        except FunkhausError as error:  # one replica's trouble is a line, not the end of the others
            yield f"[{name}] (no log: {error.message})\n".encode()


def _restarted(pod: Manifest) -> bool:
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    return any(status.get("restartCount", 0) > 0 for status in statuses)
