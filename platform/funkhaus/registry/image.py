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

from funkhaus.domain.checkout import Checkout
from funkhaus.domain.packages import PackagesLayer

if TYPE_CHECKING:
    from collections.abc import Mapping

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
EMPTY = "application/vnd.oci.empty.v1+json"
SOURCE = "application/vnd.funkhaus.source.v1"
PACKAGES = "application/vnd.funkhaus.packages.v1"
LOG = "application/vnd.funkhaus.log.v1"
KEY, DIFF_ID = "dev.funkhaus.key", "dev.funkhaus.diff-id"
"""Annotations of a layer of packages: what it was built of, and the digest of what it unpacks to."""
REVISION = "org.opencontainers.image.revision"
"""Annotation of a checkout: the commit."""
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


def config(
    base: dict[str, Any],
    layer: Layer,
    labels: Mapping[str, str],
    packages: PackagesLayer | None = None,
) -> bytes:
    """The base's config with the layers in its rootfs and history: the packages below the source."""
    inner = dict(base.get("config") or {})
    inner["Labels"] = {**(inner.get("Labels") or {}), **labels}
    rootfs = base.get("rootfs") or {}
    made = [("packages", packages.diff_id)] if packages else []
    made.append(("source", layer.diff_id))
    entries = [
        {"created_by": f"funkhaus: the function's {what}", "created": "1970-01-01T00:00:00Z"}
        for what, _ in made
    ]
    return as_json(
        {
            **base,
            "config": inner,
            "history": [*(base.get("history") or []), *entries],
            "rootfs": {
                "type": "layers",
                "diff_ids": [*(rootfs.get("diff_ids") or []), *(item for _, item in made)],
            },
        }
    )


def manifest(
    base: dict[str, Any],
    base_reference: str,
    image_config: bytes,
    layer: Layer,
    packages: PackagesLayer | None = None,
) -> bytes:
    """The image manifest: the base's layers, that of packages if there is one, the source's."""
    layers = [
        {**item, "mediaType": _DOCKER_LAYERS.get(item["mediaType"], item["mediaType"])}
        for item in base["layers"]
    ]
    return as_json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, image_config),
            "layers": [
                *layers,
                *([layer_descriptor(packages)] if packages else []),
                descriptor(LAYER, layer.content),
            ],
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


def checkout_manifest(archive: bytes, key: str, commit: str) -> bytes:
    """The manifest that names an archive by what it was looked up by, and the commit that was then."""
    return as_json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": SOURCE,
            "config": descriptor(EMPTY, b"{}"),
            "layers": [descriptor(SOURCE, archive)],
            "annotations": {KEY: key, REVISION: commit},
        }
    )


def checkout_of(document: dict[str, Any], key: str) -> Checkout | None:
    """What a `checkout_manifest` names; ``None`` when it is not one of that key."""
    noted = document.get("annotations") or {}
    found = [item for item in document.get("layers") or [] if item.get("mediaType") == SOURCE]
    if noted.get(KEY) != key or REVISION not in noted or len(found) != 1:
        return None
    return Checkout(found[0]["digest"], noted[REVISION])


def packages_manifest(layer: PackagesLayer, key: str, log: bytes) -> bytes:
    """The manifest that names a layer of packages by what it was built of, and keeps the build's log."""
    return as_json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": PACKAGES,
            "config": descriptor(EMPTY, b"{}"),
            "layers": [layer_descriptor(layer), descriptor(LOG, log)],
            "annotations": {KEY: key, DIFF_ID: layer.diff_id},
        }
    )


def packages_of(document: dict[str, Any], repository: str, key: str) -> PackagesLayer | None:
    """The layer a `packages_manifest` names; ``None`` when it is not one of that key."""
    noted = document.get("annotations") or {}
    found = [item for item in document.get("layers") or [] if item.get("mediaType") == LAYER]
    if noted.get(KEY) != key or DIFF_ID not in noted or len(found) != 1:
        return None
    return PackagesLayer(repository, found[0]["digest"], noted[DIFF_ID], found[0]["size"])


def layer_descriptor(layer: PackagesLayer) -> dict[str, Any]:
    """How a manifest refers to a layer of packages."""
    return {"mediaType": LAYER, "digest": layer.digest, "size": layer.size}


def descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    """How a manifest refers to a blob."""
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}
