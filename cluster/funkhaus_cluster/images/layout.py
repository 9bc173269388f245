"""The cache of layers and images: one OCI image layout folder, which other tools can read as ``oci:<folder>:<name>``."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from funkhaus_cluster import atomic
from funkhaus_cluster.images.layer import Layer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
NAME = "org.opencontainers.image.ref.name"
UNUSED_SECONDS = 30 * 86_400.0


@dataclass(frozen=True)
class Image:
    """An image in the layout."""

    name: str
    digest: str
    """``sha256:…`` of its manifest, which is what a registry knows it by."""
    size: int
    """Bytes to transfer: manifest, configuration and compressed layers."""
    blobs: tuple[str, ...]
    """Digests of the configuration and the layers, in that order."""


@dataclass(frozen=True)
class Layout:
    """A layout in ``folder``; layers are found again by the key of what they were made from."""

    folder: Path

    def blob(self, digest: str) -> Path:
        """The file of the blob ``sha256:…``, there or not."""
        return self._blobs / digest.removeprefix("sha256:")

    def layer(self, key: str) -> Layer | None:
        """The layer kept under ``key``; None when there is none or its blob is not what was written."""
        record = self._record(key)
        try:
            layer = Layer(**json.loads(record.read_text()))
            if self.blob(layer.digest).stat().st_size != layer.size:
                return None
        except (OSError, ValueError, TypeError):
            return None
        os.utime(record)  # used: `prune` keeps it
        return layer

    def keep(self, key: str, write: Callable[[BinaryIO], Layer]) -> Layer:
        """Let ``write`` fill a blob and keep it under ``key``. A run that is killed meanwhile leaves no half of it."""
        self._blobs.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._blobs, prefix=".layer-")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                layer = write(cast("BinaryIO", file))
            temporary.chmod(0o644)
            temporary.replace(self.blob(layer.digest))
        finally:
            temporary.unlink(missing_ok=True)
        atomic.write(self._record(key), json.dumps(asdict(layer)) + "\n")
        return layer

    def image(self, name: str, layers: list[Layer], config: dict[str, Any]) -> Image:
        """Write configuration, manifest and index entry of the image that stacks ``layers``; ``config`` lacks only them."""
        content = {
            **config,
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        }
        configuration = self._write(content)
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {"mediaType": CONFIG_TYPE, **configuration},
            "layers": [
                {"mediaType": LAYER_TYPE, "digest": layer.digest, "size": layer.size}
                for layer in layers
            ],
        }
        pointer = self._write(manifest)
        self._point(name, {"mediaType": MANIFEST_TYPE, **pointer, "annotations": {NAME: name}})
        return Image(
            name=name,
            digest=pointer["digest"],
            size=pointer["size"] + configuration["size"] + sum(layer.size for layer in layers),
            blobs=(configuration["digest"], *(layer.digest for layer in layers)),
        )

    def prune(self) -> int:
        """Remove layers unused for 30 days and blobs nothing points to; return how many bytes that freed."""
        now, freed = time.time(), 0
        for record in (self.folder / "layers").glob("*.json"):
            if now - record.stat().st_mtime > UNUSED_SECONDS:
                record.unlink()
        wanted = set(self._referenced())
        for file in self._blobs.iterdir():
            status = file.stat()
            # Another run may have written a blob and not yet what points to it.
            if f"sha256:{file.name}" not in wanted and now - status.st_mtime > UNUSED_SECONDS:
                freed += status.st_size
                file.unlink()
        return freed

    def _referenced(self) -> Iterator[str]:
        for record in (self.folder / "layers").glob("*.json"):
            yield json.loads(record.read_text())["digest"]
        for pointer in self._index():
            yield pointer["digest"]
            manifest = json.loads(self.blob(pointer["digest"]).read_text())
            yield manifest["config"]["digest"]
            for layer in manifest["layers"]:
                yield layer["digest"]

    @property
    def _blobs(self) -> Path:
        return self.folder / "blobs" / "sha256"

    def _record(self, key: str) -> Path:
        return self.folder / "layers" / f"{key}.json"

    def _write(self, content: dict[str, Any]) -> dict[str, Any]:
        raw = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
        digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
        atomic.write(self.blob(digest), raw)
        return {"digest": digest, "size": len(raw)}

    def _index(self) -> list[dict[str, Any]]:
        try:
            return list(json.loads((self.folder / "index.json").read_text())["manifests"])
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def _point(self, name: str, pointer: dict[str, Any]) -> None:
        others = [entry for entry in self._index() if entry["annotations"][NAME] != name]
        atomic.write(self.folder / "oci-layout", '{"imageLayoutVersion":"1.0.0"}\n')
        content = {"schemaVersion": 2, "manifests": [*others, pointer]}
        atomic.write(self.folder / "index.json", json.dumps(content, indent=2) + "\n")
