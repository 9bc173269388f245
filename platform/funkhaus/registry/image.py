"""Images as values: a layer of source files, and a base image's config and manifest with that layer on top.

Pure and reproducible: the same files on the same base give the same bytes, so nothing is pushed twice.
Formats: OCI image spec 1.1 (https://github.com/opencontainers/image-spec).
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
EMPTY = "application/vnd.oci.empty.v1+json"
SOURCE = "application/vnd.funkhaus.source.v1"
ROOT = "function"
_DOCKER_LAYERS = {
    "application/vnd.docker.image.rootfs.diff.tar.gzip": LAYER,
    "application/vnd.docker.image.rootfs.diff.tar": "application/vnd.oci.image.layer.v1.tar",
}
_FOLDER_MODE, _FILE_MODE = 0o555, 0o444


def digest_of(content: bytes) -> str:
    """``sha256:…`` of some bytes."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def as_json(document: object) -> bytes:
    """The one serialisation of a document: what its digest is made of."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer as pushed, and the digest of what it unpacks to."""

    content: bytes
    diff_id: str


def source_layer(files: Mapping[str, bytes]) -> Layer:
    """The files below ``/function``: owned by root, nobody's to write, at the beginning of time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        folders = {ROOT}
        for name in files:
            parent = f"{ROOT}/{name}".rpartition("/")[0]
            while parent and parent not in folders:
                folders.add(parent)
                parent = parent.rpartition("/")[0]
        entries = {**dict.fromkeys(folders), **{f"{ROOT}/{name}": files[name] for name in files}}
        for name, content in sorted(entries.items()):
            info = tarfile.TarInfo(name)
            if content is None:
                info.type, info.mode = tarfile.DIRTYPE, _FOLDER_MODE
                archive.addfile(info)
            else:
                info.size, info.mode = len(content), _FILE_MODE
                archive.addfile(info, io.BytesIO(content))
    tar = buffer.getvalue()
    return Layer(content=gzip.compress(tar, 6, mtime=0), diff_id=digest_of(tar))


def config(base: dict[str, Any], layer: Layer, labels: Mapping[str, str]) -> bytes:
    """The base's config with the layer in its rootfs and history."""
    inner = dict(base.get("config") or {})
    inner["Labels"] = {**(inner.get("Labels") or {}), **labels}
    rootfs = base.get("rootfs") or {}
    entry = {"created_by": "funkhaus: the function's source", "created": "1970-01-01T00:00:00Z"}
    return as_json(
        {
            **base,
            "config": inner,
            "history": [*(base.get("history") or []), entry],
            "rootfs": {
                "type": "layers",
                "diff_ids": [*(rootfs.get("diff_ids") or []), layer.diff_id],
            },
        }
    )


def manifest(base: dict[str, Any], base_reference: str, image_config: bytes, layer: Layer) -> bytes:
    """The image manifest: the base's layers and one more."""
    layers = [
        {**item, "mediaType": _DOCKER_LAYERS.get(item["mediaType"], item["mediaType"])}
        for item in base["layers"]
    ]
    return as_json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, image_config),
            "layers": [*layers, descriptor(LAYER, layer.content)],
            "annotations": {
                "org.opencontainers.image.base.name": base_reference.partition("@")[0],
                "org.opencontainers.image.base.digest": base_reference.partition("@")[2],
            },
        }
    )


def archive_manifest(archive: bytes) -> bytes:
    """The manifest that keeps an uploaded archive from being swept as a blob nobody refers to."""
    return as_json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": SOURCE,
            "config": descriptor(EMPTY, b"{}"),
            "layers": [descriptor(SOURCE, archive)],
        }
    )


def descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    """How a manifest refers to a blob."""
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}
