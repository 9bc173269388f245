"""Builds, whatever they make: a Job is begun when there is room, looked at until its result is fetched, and ended.

What is being built, or failed, is a Job. Nothing else is remembered.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from funkhaus.domain.errors import InvalidError, TooLargeError, UnavailableError
from funkhaus.domain.kinds import JOB, POD
from funkhaus.manifests import build as builders
from funkhaus.manifests import labels
from funkhaus.services.materialisation import building
from funkhaus.services.materialisation.upkeep import ForeignError, remove

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from funkhaus.crd.conditions import Condition
    from funkhaus.domain.build import BuildRules
    from funkhaus.domain.function import Function
    from funkhaus.manifests.build import Work
    from funkhaus.manifests.labels import Site
    from funkhaus.ports import BuildResults, Clock, Cluster, Manifest
    from funkhaus.services.build_quota import BuildQuota
    from funkhaus.services.materialisation.building import Words

    Keep = Callable[[Path, bytes], Awaitable["T"]]
    """Checks a result (a file) and its log, and puts them where they stay."""

T = TypeVar("T")
FETCHED_AT_ONCE = 2
"""Results that are fetched, checked and pushed at the same time, whoever's they are."""
JOBS_SEEN = 1000
PODS_SEEN = 10
_JOB_NAME = "batch.kubernetes.io/job-name"
_BUILDS = {**labels.MANAGED, labels.COMPONENT: builders.COMPONENT}


@dataclass(frozen=True, slots=True)
class Errand:
    """A build somebody waits for, and how it is spoken of."""

    work: Work
    words: Words


class Workshop:
    """The builds of all tenants."""

    def __init__(
        self,
        cluster: Cluster,
        results: BuildResults,
        clock: Clock,
        rules: BuildRules,
        quota: BuildQuota,
    ) -> None:
        self._cluster, self._results, self._clock = cluster, results, clock
        self._rules, self._quota = rules, quota
        self._fetching = asyncio.Semaphore(FETCHED_AT_ONCE)
        self._starting = asyncio.Lock()

    async def make(
        self, site: Site, function: Function, errand: Errand, keep: Keep[T]
    ) -> T | Condition:
        """What `keep` says of the result, or the Built condition that says how far it is.

        Raises the cluster's errors, and those `keep` raises but `InvalidError`, `TooLargeError` and `UnavailableError`.
        """
        work = errand.work
        jobs = await self.tidy(site, function, work.makes, work.key)
        name = builders.name(function.name, work.makes, work.key)
        mine = next((job for job in jobs if job["metadata"]["name"] == name), None)
        if mine is None:
            others = [job for job in jobs if builders.is_of(job, work.key)]
            under_way = next((job for job in others if building.is_active(job)), None)
            if under_way:  # a neighbour's: what it makes is found in the registry
                return building.under_way(under_way, function, errand.words, self._clock.now())
            return await self._start(site, function, errand)
        if not builders.owner(function).owns(mine):
            raise ForeignError.of(JOB, name)
        await self._quota.note(site.tenant, site.name, mine["metadata"]["uid"])
        if building.is_active(mine):
            return await self._look(function, errand, mine, keep)
        pods = await self._pods(mine)
        due = building.is_due_again(mine, pods, self._clock.now())
        if due or building.is_complete(mine) or building.is_stale(mine, function):
            # Complete, and the result is gone; or failed, and the user changed something, or it may pass: once more.
            await remove(self._cluster, mine, builders.owner(function))
            return building.again(errand.words)
        return building.failed(mine, pods, function, errand.words)

    async def tidy(
        self, site: Site, function: Function, makes: str, key: str = ""
    ) -> list[Manifest]:
        """End this function's builds of anything else, which nobody waits for; the namespace's builds that are left."""
        jobs = await self._cluster.list(JOB, site.namespace, labels=_BUILDS, limit=JOBS_SEEN)
        owner, left = builders.owner(function), []
        for job in jobs:
            if builders.makes(job) != makes:
                continue
            if owner.owns(job) and not (key and builders.is_of(job, key)):
                await remove(self._cluster, job, owner)
            else:
                left.append(job)
        return left

    async def _look(
        self, function: Function, errand: Errand, job: Manifest, keep: Keep[T]
    ) -> T | Condition:
        pods, words = await self._pods(job), errand.words
        host = next((host for pod in pods if (host := building.served_at(pod))), "")
        if not host:
            return building.under_way(job, function, words, self._clock.now(), pods)
        if self._fetching.locked():  # no worker waits for others: there is more to do than this
            return building.unread(job, words, f"{FETCHED_AT_ONCE} others are being read")
        secret = builders.secret_of(job)
        try:
            async with self._fetching:
                kept = await self._fetch(host, secret, keep)
        except (InvalidError, TooLargeError) as error:
            await self._results.end(host, secret, error.message)
            return building.refused(words, error.message)
        except UnavailableError as error:
            return building.unread(job, words, error.message)
        await self._dismiss(function, job, host, secret)
        return kept

    async def _fetch(self, host: str, secret: str, keep: Keep[T]) -> T:
        folder = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="funkhaus-build-")
        try:
            result = Path(folder.name) / "result.tar"
            await self._results.fetch(host, secret, result)
            return await keep(result, await self._results.log(host, secret))
        finally:
            await asyncio.to_thread(folder.cleanup)

    async def _dismiss(self, function: Function, job: Manifest, host: str, secret: str) -> None:
        with suppress(UnavailableError):  # it ends with its Job
            await self._results.end(host, secret)
        await remove(self._cluster, job, builders.owner(function))

    async def _start(self, site: Site, function: Function, errand: Errand) -> Condition:
        async with self._starting:
            running = await self._cluster.list(JOB, labels=_BUILDS, limit=JOBS_SEEN)
            if waits := building.no_place(running, site.tenant, self._rules):
                return waits
            if objections := await self._quota.objections(site.tenant, site.name):
                return building.over_quota(objections)
            job = builders.job(site, function, errand.work, self._rules, secrets.token_hex(32))
            made = await self._cluster.apply(job)
            await self._quota.note(site.tenant, site.name, made["metadata"]["uid"])
        return building.under_way(made, function, errand.words, self._clock.now())

    async def _pods(self, job: Manifest) -> list[Manifest]:
        meta = job["metadata"]
        return await self._cluster.list(
            POD, meta["namespace"], labels={_JOB_NAME: meta["name"]}, limit=PODS_SEEN
        )
