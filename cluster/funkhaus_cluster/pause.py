"""The image of a pod's sandbox: one static program, packed and imported here.

So pods start whatever the state of the registry.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from typing import TYPE_CHECKING

from funkhaus_cluster import atomic, go_build, node

if TYPE_CHECKING:
    from pathlib import Path

    from funkhaus_cluster.site import Site

PROGRAM = "pause"


def ensure(site: Site) -> str:
    """Import the image unless containerd has this very one."""
    program = next(
        go_build.place(site, entry)
        for entry in go_build.binaries(site.sources)
        if entry.name == PROGRAM
    )
    content, digest = archive(program.read_bytes(), node.PAUSE_IMAGE)
    client = ["ctr", "--address", str(node.socket(site.settings)), "--namespace", "k8s.io"]
    listed = site.commands.output([*client, "images", "list", f"name=={node.PAUSE_IMAGE}"])
    if digest in listed:
        return "there"
    file: Path = site.settings.run / "pause.tar"
    atomic.write(file, content)
    try:
        site.commands.output([*client, "images", "import", str(file)], seconds=60)
    finally:
        file.unlink()
    return "imported"


def archive(program: bytes, reference: str) -> tuple[bytes, str]:
    """An OCI image layout as a tar archive, and the digest of its manifest. Equal input gives equal bytes."""
    layer = _tar({PROGRAM: (program, 0o555)})
    packed = gzip.compress(layer, mtime=0)
    config = _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": [f"/{PROGRAM}"], "User": "65535:65535"},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_digest(layer)}"]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": _descriptor("application/vnd.oci.image.config.v1+json", config),
            "layers": [_descriptor("application/vnd.oci.image.layer.v1.tar+gzip", packed)],
        }
    )
    pointer = _descriptor("application/vnd.oci.image.manifest.v1+json", manifest)
    pointer["annotations"] = {
        "io.containerd.image.name": reference,
        "org.opencontainers.image.ref.name": reference.rpartition(":")[2],
    }
    files = {
        "oci-layout": (_json({"imageLayoutVersion": "1.0.0"}), 0o444),
        "index.json": (_json({"schemaVersion": 2, "manifests": [pointer]}), 0o444),
    }
    for blob in (packed, config, manifest):
        files[f"blobs/sha256/{_digest(blob)}"] = (blob, 0o444)
    return _tar(files), f"sha256:{_digest(manifest)}"


def _descriptor(media_type: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": f"sha256:{_digest(blob)}", "size": len(blob)}


def _tar(files: dict[str, tuple[bytes, int]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, (content, mode) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _json(content: dict[str, object]) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
