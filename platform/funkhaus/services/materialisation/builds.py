"""A function's dependencies: the layer they are, or the build that makes it, as far as it has come.

What is built is in the registry, by what it was built of; what is being built, or failed, is a Job. Nothing else is
remembered.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from funkhaus.crd.conditions import Condition
from funkhaus.domain import build, packages, requirements
from funkhaus.domain.errors import InvalidError, TooLargeError, UnavailableError
from funkhaus.domain.kinds import JOB, POD
from funkhaus.manifests import build as builders
from funkhaus.manifests import labels
from funkhaus.services.materialisation import building
from funkhaus.services.materialisation.upkeep import ForeignError, remove

if TYPE_CHECKING:
    from funkhaus.domain.build import BuildRules, Index
    from funkhaus.domain.function import Function
    from funkhaus.domain.packages import PackagesLayer
    from funkhaus.domain.runtime import Builder, Runtime
    from funkhaus.manifests.labels import Site
    from funkhaus.ports import BuildResults, Clock, Cluster, ImageRegistry, Manifest
    from funkhaus.services.build_quota import BuildQuota

FETCHED_AT_ONCE = 2
"""Results that are fetched, checked and pushed at the same time, whoever's they are."""
JOBS_SEEN = 1000
PODS_SEEN = 10
_JOB_NAME = "batch.kubernetes.io/job-name"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a function has to have installed; `key` names what comes of it."""

    key: str
    text: str
    count: int
    builder: Builder
    index: Index


class Builds:
    """Finds or makes the layer of a function's dependencies."""

    def __init__(
        self,
        cluster: Cluster,
        registry: ImageRegistry,
        results: BuildResults,
        clock: Clock,
        rules: BuildRules,
        quota: BuildQuota,
    ) -> None:
        self._cluster, self._registry, self._results = cluster, registry, results
        self._clock, self._rules, self._quota = clock, rules, quota
        self._fetching = asyncio.Semaphore(FETCHED_AT_ONCE)
        self._starting = asyncio.Lock()

    async def layer(
        self, site: Site, function: Function, runtime: Runtime
    ) -> tuple[str, PackagesLayer] | Condition | None:
        """The key and the layer; ``None`` where nothing is to be installed; the Built condition that says what is missing.

        Raises the registry's and the cluster's errors.
        """
        asked = requirements.parse(function.spec.dependencies)
        if not asked.lines and not asked.problems:
            await self._end_others(site, function, "")
            return None
        builder, index = runtime.builder, self._rules.index
        if asked.problems or builder is None or index is None:
            return building.impossible(asked, runtime)
        key = build.key(runtime.image, index.url, asked.text)
        found = await self._registry.packages(packages.repository(site.tenant), key)
        if found:
            await self._end_others(site, function, "")
            return key, found
        wanted = Wanted(key, asked.text, len(asked.lines), builder, index)
        made = await self._build(site, function, wanted)
        return made if isinstance(made, Condition) else (key, made)

    async def end(self, site: Site, function: Function) -> None:
        """End every build of a function's."""
        await self._end_others(site, function, "")

    async def _build(
        self, site: Site, function: Function, wanted: Wanted
    ) -> PackagesLayer | Condition:
        jobs = await self._end_others(site, function, wanted.key)
        name = builders.name(function.name, wanted.key)
        mine = next((job for job in jobs if job["metadata"]["name"] == name), None)
        if mine is None:
            others = [job for job in jobs if builders.is_of(job, wanted.key)]
            under_way = next((job for job in others if building.is_active(job)), None)
            if under_way:  # a neighbour's: what it makes is found in the registry
                return building.under_way(under_way, function, wanted.count, self._clock.now())
            return await self._start(site, function, wanted)
        if not builders.owner(function).owns(mine):
            raise ForeignError.of(JOB, name)
        await self._quota.note(site.tenant, site.name, mine["metadata"]["uid"])
        if building.is_active(mine):
            return await self._look(site, function, wanted, mine)
        pods = await self._pods(mine)
        due = building.is_due_again(mine, pods, self._clock.now())
        if due or building.is_complete(mine) or building.is_stale(mine, function):
            # Complete, and the layer is gone; or failed, and the user changed something, or it may pass: once more.
            await remove(self._cluster, mine, builders.owner(function))
            return building.again(function)
        return building.failed(mine, pods, function)

    async def _look(
        self, site: Site, function: Function, wanted: Wanted, job: Manifest
    ) -> PackagesLayer | Condition:
        pods = await self._pods(job)
        host = next((host for pod in pods if (host := building.served_at(pod))), "")
        if not host:
            return building.under_way(job, function, wanted.count, self._clock.now(), pods)
        if self._fetching.locked():  # no worker waits for others: there is more to do than this
            return building.unread(job, f"{FETCHED_AT_ONCE} others are being read")
        secret = builders.secret_of(job)
        try:
            async with self._fetching:
                layer = await self._fetch(site, wanted.key, host, secret)
        except (InvalidError, TooLargeError) as error:
            await self._results.end(host, secret, error.message)
            return building.refused(error.message)
        except UnavailableError as error:
            return building.unread(job, error.message)
        await self._dismiss(function, job, host, secret)
        return layer

    async def _fetch(self, site: Site, key: str, host: str, secret: str) -> PackagesLayer:
        folder = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="funkhaus-build-")
        try:
            result = Path(folder.name) / "result.tar"
            await self._results.fetch(host, secret, result)
            log = await self._results.log(host, secret)
            repository = packages.repository(site.tenant)
            return await self._registry.push_packages(repository, key, result, log)
        finally:
            await asyncio.to_thread(folder.cleanup)

    async def _dismiss(self, function: Function, job: Manifest, host: str, secret: str) -> None:
        with suppress(UnavailableError):  # it ends with its Job
            await self._results.end(host, secret)
        await remove(self._cluster, job, builders.owner(function))

    async def _start(self, site: Site, function: Function, wanted: Wanted) -> Condition:
        async with self._starting:
            running = await self._cluster.list(
                JOB,
                labels={**labels.MANAGED, labels.COMPONENT: builders.COMPONENT},
                limit=JOBS_SEEN,
            )
            if waits := building.no_place(running, site.tenant, self._rules):
                return waits
            if objections := await self._quota.objections(site.tenant, site.name):
                return building.over_quota(objections)
            job = builders.job(
                site,
                function,
                key=wanted.key,
                requirements=wanted.text,
                builder=wanted.builder,
                rules=self._rules,
                index=wanted.index,
                secret=secrets.token_hex(32),
            )
            made = await self._cluster.apply(job)
            await self._quota.note(site.tenant, site.name, made["metadata"]["uid"])
        return building.under_way(made, function, wanted.count, self._clock.now())

    async def _end_others(self, site: Site, function: Function, key: str) -> list[Manifest]:
        """End this function's builds of anything else, which nobody waits for; the namespace's builds that are left."""
        jobs = await self._cluster.list(
            JOB,
            site.namespace,
            labels={**labels.MANAGED, labels.COMPONENT: builders.COMPONENT},
            limit=JOBS_SEEN,
        )
        owner, left = builders.owner(function), []
        for job in jobs:
            if owner.owns(job) and not (key and builders.is_of(job, key)):
                await remove(self._cluster, job, owner)
            else:
                left.append(job)
        return left

    async def _pods(self, job: Manifest) -> list[Manifest]:
        meta = job["metadata"]
        return await self._cluster.list(
            POD, meta["namespace"], labels={_JOB_NAME: meta["name"]}, limit=PODS_SEEN
        )
