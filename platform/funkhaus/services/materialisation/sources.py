"""A function's source as an archive in the registry: an address is fetched once, by a build that reaches where it may.

What is named by its SHA-256 is an archive like one that was uploaded: the registry has it by its digest, or it is fetched.
A git ref is looked up once for a change of the Function; the registry has the archive by what it was looked up for.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from funkhaus.crd import runtime as runtime_crd
from funkhaus.crd.conditions import BUILT, Condition
from funkhaus.domain import archive
from funkhaus.domain import checkout as checkouts
from funkhaus.domain.archive import ARCHIVE_LIMIT
from funkhaus.domain.build import source_key
from funkhaus.domain.checkout import Checkout
from funkhaus.domain.errors import InvalidError, TooLargeError
from funkhaus.domain.kinds import RUNTIME
from funkhaus.domain.origin import shown
from funkhaus.domain.verdict import Finding
from funkhaus.manifests import build as builders
from funkhaus.services.materialisation import building
from funkhaus.services.materialisation.building import Words
from funkhaus.services.materialisation.workshop import Errand

if TYPE_CHECKING:
    from pathlib import Path

    from funkhaus.domain.build import BuildRules
    from funkhaus.domain.function import Function, Source
    from funkhaus.domain.runtime import Builder
    from funkhaus.manifests.labels import Site
    from funkhaus.ports import Cluster, ImageRegistry
    from funkhaus.services.materialisation.workshop import Workshop


class Sources:
    """Finds or fetches the archive of a function's source."""

    def __init__(
        self, cluster: Cluster, registry: ImageRegistry, workshop: Workshop, rules: BuildRules
    ) -> None:
        self._cluster, self._registry = cluster, registry
        self._workshop, self._rules = workshop, rules

    async def checkout(self, site: Site, function: Function) -> Checkout | Condition:
        """The archive, fetched if it is not there yet, of inline source none; or a Built condition saying what is missing.

        Raises the registry's and the cluster's errors.
        """
        source = function.spec.source
        repository = archive.sources_repository(site.tenant, site.name)
        if found := await self._found(repository, function):
            await self._workshop.tidy(site, function, builders.SOURCE)
            return found
        builder, upstream = await self._builder(), self._rules.upstream
        if builder is None or upstream is None:
            return _nowhere(self._rules, known=builder is not None)
        key = checkouts.key(function) if source.git else source_key(source)
        work = builders.fetching(key, source, builder, upstream)

        async def keep(result: Path, _: bytes) -> Checkout:
            content = await asyncio.to_thread(_checked, result, source)
            if not source.git:
                return Checkout(await self._registry.put_archive(repository, content))
            commit = await asyncio.to_thread(checkouts.commit_of, content, source)
            return await self._registry.keep_checkout(repository, key, content, commit)

        return await self._workshop.make(site, function, Errand(work, _words(source)), keep)

    async def _found(self, repository: str, function: Function) -> Checkout | None:
        source = function.spec.source
        if source.git:
            return await self._registry.checkout(repository, checkouts.key(function))
        if source.url and not await self._registry.has_archive(repository, source.stored):
            return None
        return Checkout(source.stored)

    async def _builder(self) -> Builder | None:
        found = await self._cluster.get(RUNTIME, "", self._rules.source_runtime)
        return runtime_crd.parse(found).builder if found else None


def _checked(result: Path, source: Source) -> bytes:
    """The archive, if it is the one that was named and holds nothing that has no business in it."""
    size = result.stat().st_size
    if size > ARCHIVE_LIMIT:
        raise TooLargeError(f"the archive has {size} bytes; at most {ARCHIVE_LIMIT} pass")
    content = result.read_bytes()
    if source.url and archive.digest_of(content) != source.stored:
        message = f"the archive has {archive.digest_of(content)}, not {source.stored}"
        raise InvalidError.at(Finding("archive-digest", message, "spec.source.sha256"))
    archive.within(archive.unpack(content), source.inside)
    return content


def _nowhere(rules: BuildRules, *, known: bool) -> Condition:
    what = (
        "names no network that sources are fetched from (FUNKHAUS_SOURCE_CIDRS)"
        if known
        else f"has no runtime {rules.source_runtime!r} that builds, whose image would fetch it (FUNKHAUS_SOURCE_RUNTIME)"
    )
    message = f"this installation {what}; whoever runs the platform has to mend that, or upload the source"
    return Condition(BUILT, status=False, reason="FetchingMissing", message=message)


def _words(source: Source) -> Words:
    return Words(
        does=f"fetches {shown(source.url)}"
        if source.url
        else f"fetches {source.ref} of {shown(source.git)}",
        failed="the source could not be fetched",
        again="the source is about to be fetched again",
        mend="spec.source",
        less="leave files out of it",
        under_way=building.FETCHING,
        failure=building.FETCH_FAILED,
    )
