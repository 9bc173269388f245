"""From a Function to the FunctionRevision it asks for: runtime resolved, source assembled into an image, content named."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

from funkhaus.crd import revision as revision_crd
from funkhaus.crd import runtime as runtime_crd
from funkhaus.crd.conditions import BUILT, Condition
from funkhaus.domain import archive, requirements
from funkhaus.domain.checkout import Checkout
from funkhaus.domain.errors import ConflictError, InvalidError, NotFoundError, TooLargeError
from funkhaus.domain.function import RevisionSpec, source_digest
from funkhaus.domain.kinds import FUNCTION_REVISION, RUNTIME
from funkhaus.domain.names import revision_name
from funkhaus.manifests import function as builders
from funkhaus.services.materialisation.upkeep import ForeignError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from funkhaus.domain.function import Function, Source
    from funkhaus.domain.packages import PackagesLayer
    from funkhaus.domain.runtime import Runtime
    from funkhaus.manifests.labels import Site
    from funkhaus.ports import Cluster, ImageRegistry, Manifest
    from funkhaus.services.materialisation.builds import Builds
    from funkhaus.services.materialisation.sources import Sources


def _held(reason: str, message: str) -> Condition:
    return Condition(BUILT, status=False, reason=reason, message=message)


class Assembly:
    """Finds or makes the revision a Function asks for."""

    def __init__(
        self, cluster: Cluster, registry: ImageRegistry, builds: Builds, sources: Sources
    ) -> None:
        self._cluster, self._registry = cluster, registry
        self._builds, self._sources = builds, sources

    async def revision(
        self, site: Site, function: Function, known: Mapping[str, Manifest], latest: str
    ) -> RevisionSpec | Condition:
        """The revision for the function's present spec, or the Built condition that says why there is none.

        `known` are the function's FunctionRevisions by name, `latest` the name of the last one made for it: as long as
        nothing but the catalogue's image differs from it, its image stays pinned. So does any other's that is kept: going
        back to a revision is going back to that very one. Raises `UnavailableError`.
        """
        if settled := _unready(function) or _pinned(function, known, latest):
            return settled
        runtime = await self._runtime(function)
        if isinstance(runtime, Condition):
            return runtime
        return await self._assembled(site, function, runtime, known)

    async def _assembled(
        self, site: Site, function: Function, runtime: Runtime, known: Mapping[str, Manifest]
    ) -> RevisionSpec | Condition:
        checkout = await self._sources.checkout(site, function)
        if isinstance(checkout, Condition):
            return checkout
        built = await self._builds.layer(site, function, runtime)
        if isinstance(built, Condition):
            return built
        key, layer = built or ("", None)
        wanted = _spec(function, runtime.image, "", (key, layer.digest if layer else ""), checkout)
        name = revision_name(function.name, wanted.digest)
        if name in known:
            return _same_content(revision_crd.parse(known[name]), wanted, name)
        image = await self._image(site, function, runtime, layer, checkout)
        if isinstance(image, Condition):
            return image
        made = dataclasses.replace(wanted, image=image)
        return await self._record(site, function, made, name)

    async def _runtime(self, function: Function) -> Runtime | Condition:
        found = await self._cluster.get(RUNTIME, "", function.spec.runtime)
        if found is None:
            return _held(
                "RuntimeMissing",
                f"there is no runtime {function.spec.runtime!r} here; `funkhaus runtime list` shows those there are",
            )
        return runtime_crd.parse(found)

    async def _record(
        self, site: Site, function: Function, made: RevisionSpec, name: str
    ) -> RevisionSpec:
        wanted = builders.revision_object(site, function, made)
        live = await self._cluster.get(FUNCTION_REVISION, site.namespace, name)
        if live is None:
            await self._cluster.apply(wanted)
            return made
        if not builders.owner(function).owns(live):
            raise ForeignError.of(FUNCTION_REVISION, name)
        return _same_content(revision_crd.parse(live), made, name)

    async def _image(
        self,
        site: Site,
        function: Function,
        runtime: Runtime,
        layer: PackagesLayer | None,
        checkout: Checkout,
    ) -> str | Condition:
        files = await self._files(site, function, checkout.digest)
        if isinstance(files, Condition):
            return files
        if absent := _no_handler(function, runtime, files):
            return absent
        repository = archive.image_repository(site.tenant, site.name, function.name)
        try:
            return await self._registry.push_function(runtime.image, repository, files, layer)
        except (InvalidError, NotFoundError) as error:
            return _held(
                "RuntimeImage", f"{error.message}; whoever runs the platform has to mend that"
            )

    async def _files(
        self, site: Site, function: Function, stored: str
    ) -> Mapping[str, bytes] | Condition:
        source = function.spec.source
        try:
            if not stored:
                files = {name: text.encode() for name, text in source.inline}
                archive.check_tree(files)
                return files
            content = await self._registry.archive(
                archive.sources_repository(site.tenant, site.name), stored
            )
            return await asyncio.to_thread(_unpacked, content, source.inside)
        except NotFoundError:
            return _held(
                "SourceMissing",
                f"the archive {stored} was never uploaded to this namespace; upload it and apply again",
            )
        except (InvalidError, TooLargeError) as error:
            return _held("SourceRefused", error.message)


def _unpacked(content: bytes, folder: str) -> Mapping[str, bytes]:
    return archive.within(archive.unpack(content), folder)


def _pinned(function: Function, known: Mapping[str, Manifest], latest: str) -> RevisionSpec | None:
    """The kept revision that differs from what the function asks for in nothing but what was resolved then."""
    for name in sorted(
        known, key=lambda name: (name == latest, last_of_use(known[name])), reverse=True
    ):
        pinned = revision_crd.parse(known[name])
        packages = (pinned.packages_key, pinned.packages_layer)
        checkout = _looked_up(function.spec.source, pinned)
        if checkout is None:
            continue
        same = _spec(function, pinned.runtime_image, pinned.image, packages, checkout)
        if same.digest == pinned.digest:
            return pinned
    return None


def _looked_up(source: Source, pinned: RevisionSpec) -> Checkout | None:
    """What a source was when a revision was made of it; ``None`` where that is of another repository, ref or folder."""
    if not source.git:
        return Checkout(source.stored)
    kept = pinned.source
    same = (kept.git, kept.path) == (source.git, source.path)
    if same and pinned.commit and source.ref in {kept.ref, pinned.commit}:
        return Checkout(pinned.source_digest, pinned.commit)
    return None


def _same_content(existing: RevisionSpec, wanted: RevisionSpec, name: str) -> RevisionSpec:
    if existing.digest != wanted.digest:
        raise ConflictError(
            f"revision {name!r} exists with other content; change anything in the spec"
        )
    return existing


def last_of_use(manifest: Manifest) -> str:
    """When a revision was last of use: it served, or was made."""
    return revision_crd.served_at(manifest) or str(
        manifest["metadata"].get("creationTimestamp") or ""
    )


def _spec(
    function: Function,
    runtime_image: str,
    image: str,
    packages: tuple[str, str],
    checkout: Checkout,
) -> RevisionSpec:
    """`packages` are key and layer; comments alone are no dependencies."""
    spec = function.spec
    key, layer = packages
    installs = bool(requirements.parse(spec.dependencies).lines)
    return RevisionSpec(
        function=function.name,
        runtime=spec.runtime,
        runtime_image=runtime_image,
        handler=spec.handler,
        source_digest=source_digest(spec.source, checkout.digest),
        image=image,
        env=spec.env,
        resources=spec.resources,
        timeout=spec.timeout,
        concurrency=spec.concurrency,
        source=spec.source,
        dependencies=spec.dependencies if installs else "",
        packages_layer=layer,
        packages_key=key,
        commit=checkout.commit,
    )


def _unready(function: Function) -> Condition | None:
    """Why the spec can't be assembled whatever the runtime is."""
    spec = function.spec
    for name in ("cpu", "memory"):
        if not getattr(spec.resources, name):
            return _held(
                "ResourcesMissing",
                f"spec.resources.{name} is empty; apply the Function again so that admission fills in the plan's default",
            )
    return None


def _no_handler(
    function: Function, runtime: Runtime, files: Mapping[str, bytes]
) -> Condition | None:
    """The handler's module has to be among the files, where the catalogue knows what its file would be called."""
    suffix = runtime.file_suffix
    if not suffix:
        return None
    module = function.spec.module.replace(".", "/")
    if f"{module}{suffix}" in files or f"{module}/__init__{suffix}" in files:
        return None
    names = sorted(name for name in files if name.endswith(suffix))[:5]
    seen = ", ".join(names) if names else f"no {suffix} file"
    return _held(
        "HandlerMissing",
        f"the handler {function.spec.handler!r} needs a file {module + suffix!r}; the source has {seen}",
    )
