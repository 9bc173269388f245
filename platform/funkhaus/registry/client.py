"""`OciRegistry`: the port `funkhaus.ports.ImageRegistry` over an OCI registry."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiohttp

from funkhaus.domain.archive import ARCHIVE_LIMIT
from funkhaus.domain.checkout import Checkout
from funkhaus.domain.errors import InvalidError, NotFoundError, TooLargeError
from funkhaus.registry import image
from funkhaus.registry.packages import write_layer
from funkhaus.registry.removal import KeptError, remove_below
from funkhaus.registry.wire import PAUSES, Wire

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from funkhaus.domain.packages import PackagesLayer

MANIFEST_LIMIT = 4 * 1024 * 1024
BASE_LAYER_LIMIT = 256 * 1024 * 1024
LOG_LIMIT = 1024 * 1024
BASES_KEPT = 16


class OciRegistry:
    """One registry, ``host[:port][/prefix]``. Base images have to lie in the same registry as what is built on them."""

    def __init__(self, wire: Wire, location: str) -> None:
        self._wire = wire
        self._host, _, self._prefix = location.partition("/")
        self._session: aiohttp.ClientSession | None = None
        self._bases: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}

    @classmethod
    def connect(
        cls, location: str, *, plain_http: bool, pauses: tuple[float, ...] = PAUSES
    ) -> OciRegistry:
        """A registry with a session of its own, to be closed at the end; call inside a running event loop."""
        session = aiohttp.ClientSession(headers={"User-Agent": "funkhaus"})
        scheme = "http" if plain_http else "https"
        host = location.partition("/")[0]
        registry = cls(Wire(session, f"{scheme}://{host}", pauses=pauses), location)
        registry._session = session
        return registry

    async def close(self) -> None:
        """Give the connections back."""
        if self._session:
            await self._session.close()

    async def ready(self) -> None:
        """Pass if the registry answers; raises `UnavailableError`."""
        await self._wire.ready()

    async def push_function(
        self,
        base: str,
        repository: str,
        files: Mapping[str, bytes],
        packages: PackagesLayer | None = None,
    ) -> str:
        """Push `base` plus `packages` plus one layer with `files`; returns ``registry/repository@sha256:…``.

        Raises `InvalidError` (the base is no single image of this registry), `NotFoundError` (the base is not there),
        `UnavailableError`.
        """
        source = self._own_repository(base)
        base_manifest, base_config = await self._base(base, source)
        layer = await asyncio.to_thread(image.source_layer, files)
        labels = {"dev.funkhaus.repository": repository}
        config = image.config(base_config, layer, labels, packages)
        manifest = image.manifest(base_manifest, base, config, layer, packages)
        digest, target = image.digest_of(manifest), self._full(repository)
        reference = f"{self._host}/{target}@{digest}"
        if await self._wire.has(f"{target}/manifests/{digest}"):
            return reference
        for item in base_manifest["layers"]:
            await self._link(target, item, source)
        if packages:
            built = self._full(packages.repository)
            await self._link(target, image.layer_descriptor(packages), built)
        await self._wire.push_blob(target, layer.content)
        await self._wire.push_blob(target, config)
        await self._wire.put_manifest(target, _tag(digest), manifest, image.MANIFEST)
        return reference

    async def put_archive(self, repository: str, content: bytes) -> str:
        """Store an uploaded archive; returns its ``sha256:…``. Raises `TooLargeError`."""
        if len(content) > ARCHIVE_LIMIT:
            raise TooLargeError(
                f"the archive has {len(content)} bytes; at most {ARCHIVE_LIMIT} pass"
            )
        digest, target = image.digest_of(content), self._full(repository)
        if not await self._wire.has(f"{target}/manifests/{_tag(digest)}"):
            await self._wire.push_blob(target, content)
            await self._wire.push_blob(target, b"{}")
            manifest = image.archive_manifest(content)
            await self._wire.put_manifest(target, _tag(digest), manifest, image.MANIFEST)
        return digest

    async def keep_checkout(
        self, repository: str, key: str, content: bytes, commit: str
    ) -> Checkout:
        """Store an archive as what `key` was looked up to be. Raises `TooLargeError`."""
        digest, target = await self.put_archive(repository, content), self._full(repository)
        manifest = image.checkout_manifest(content, key, commit)
        await self._wire.put_manifest(target, _tag(key), manifest, image.MANIFEST)
        return Checkout(digest, commit)

    async def checkout(self, repository: str, key: str) -> Checkout | None:
        """What `key` was looked up to be; ``None`` where nobody did, or its archive is gone."""
        found = image.checkout_of(await self._tagged(repository, key), key)
        if found and await self.has_archive(repository, found.digest):
            return found
        return None

    async def has_archive(self, repository: str, digest: str) -> bool:
        """Whether an archive is there."""
        return await self._wire.has(f"{self._full(repository)}/manifests/{_tag(digest)}")

    async def archive(self, repository: str, digest: str) -> bytes:
        """An uploaded archive; raises `NotFoundError`."""
        path = f"{self._full(repository)}/blobs/{digest}"
        return await self._wire.fetch(path, digest, ARCHIVE_LIMIT)

    async def packages(self, repository: str, key: str) -> PackagesLayer | None:
        """The layer built of `key`; ``None`` where there is none, or its blob is gone."""
        found = await self._tagged(repository, key)
        layer = image.packages_of(found, repository, key)
        if layer and await self._wire.has(f"{self._full(repository)}/blobs/{layer.digest}"):
            return layer
        return None

    async def push_packages(
        self, repository: str, key: str, result: Path, log: bytes
    ) -> PackagesLayer:
        """Check a build's result and push it as the layer of `key`, with the log.

        Raises `InvalidError`, `TooLargeError`.
        """
        target = self._full(repository)
        file = result.with_suffix(".layer")
        layer = await asyncio.to_thread(_layer, result, file, repository)
        await self._wire.push_file(target, layer.digest, file)
        await self._wire.push_blob(target, log)
        await self._wire.push_blob(target, b"{}")
        manifest = image.packages_manifest(layer, key, log)
        await self._wire.put_manifest(target, _tag(key), manifest, image.MANIFEST)
        return layer

    async def packages_log(self, repository: str, key: str) -> bytes:
        """The log of the build of `key`; raises `NotFoundError`."""
        found = await self._tagged(repository, key)
        for item in found.get("layers") or []:
            if item.get("mediaType") == image.LOG:
                path = f"{self._full(repository)}/blobs/{item['digest']}"
                return await self._wire.fetch(path, item["digest"], LOG_LIMIT)
        raise NotFoundError("the registry keeps no log of that build")

    async def _tagged(self, repository: str, key: str) -> dict[str, Any]:
        try:
            content = await self._wire.manifest(self._full(repository), _tag(key), MANIFEST_LIMIT)
        except NotFoundError:
            return {}
        document: dict[str, Any] = json.loads(content)
        return document

    async def forget(self, below: str, *, limit: int = 200) -> int | None:
        """Delete up to `limit` of what is in `below` and below it; how many, ``None`` where the registry keeps them."""
        try:
            return await remove_below(self._wire, self._full(below), limit)
        except KeptError:
            return None

    def _full(self, repository: str) -> str:
        return f"{self._prefix}/{repository}" if self._prefix else repository

    def _own_repository(self, base: str) -> str:
        name, _, digest = base.partition("@")
        host, _, repository = name.partition("/")
        if host != self._host or not digest or not repository:
            raise InvalidError(
                f"the runtime's image {base!r} is not one by digest in {self._host}: push it there and name it "
                f"{self._host}/<repository>@sha256:<digest> in the Runtime"
            )
        return repository.partition(":")[0]

    async def _base(self, base: str, repository: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Manifest and config of a base image: immutable, so the last few are kept."""
        if base not in self._bases:
            digest = base.partition("@")[2]
            try:
                manifest = json.loads(
                    await self._wire.fetch(
                        f"{repository}/manifests/{digest}", digest, MANIFEST_LIMIT
                    )
                )
            except NotFoundError as error:
                raise NotFoundError(f"the runtime's image {base} is not in the registry") from error
            if "layers" not in manifest:
                raise InvalidError(
                    f"the runtime's image {base} is a list of platforms; name the digest of one of them"
                )
            blob = manifest["config"]["digest"]
            config = json.loads(
                await self._wire.fetch(f"{repository}/blobs/{blob}", blob, MANIFEST_LIMIT)
            )
            while len(self._bases) >= BASES_KEPT:
                self._bases.pop(next(iter(self._bases)))
            self._bases[base] = (manifest, config)
        return self._bases[base]

    async def _link(self, target: str, layer: dict[str, Any], source: str) -> None:
        """Make a base layer available in the function's repository: by a link, or by a copy where links are refused."""
        digest = layer["digest"]
        if not await self._wire.mount(target, digest, source):
            content = await self._wire.fetch(f"{source}/blobs/{digest}", digest, BASE_LAYER_LIMIT)
            await self._wire.push_blob(target, content)


def _tag(digest: str) -> str:
    """A tag for what is only ever named by digest: registries sweep what has none."""
    return digest.removeprefix("sha256:")


def _layer(result: Path, file: Path, repository: str) -> PackagesLayer:
    with result.open("rb") as tar, file.open("wb") as target:
        return write_layer(tar, target, repository)
