"""The local cluster's images on a real registry: sent once, kept under the digest the cache knows them by."""

from __future__ import annotations

import io
import json
import urllib.request
from typing import TYPE_CHECKING

import pytest

from funkhaus_cluster.errors import ClusterError
from funkhaus_cluster.images import layer
from funkhaus_cluster.images.layout import MANIFEST_TYPE, Image, Layout
from funkhaus_cluster.images.push import Registry

if TYPE_CHECKING:
    from pathlib import Path


def built(layout: Layout, tmp_path: Path, content: str) -> Image:
    root = tmp_path / content
    root.mkdir()
    (root / "file").write_text(content)
    made = layout.keep(content, lambda file: layer.pack(root, file, epoch=1, owner=(0, 0)))
    config = {"architecture": "amd64", "os": "linux", "config": {"Entrypoint": [content]}}
    return layout.image("hello", [made], config)


def test_an_image_is_sent_once_and_found_by_its_digest(registry_host: str, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "oci")
    image = built(layout, tmp_path, "one")
    registry = Registry(registry_host)
    assert registry.push(layout, image, "funkhaus/hello")
    assert not registry.push(layout, image, "funkhaus/hello")
    request = urllib.request.Request(
        f"http://{registry_host}/v2/funkhaus/hello/manifests/{image.digest}",
        headers={"Accept": MANIFEST_TYPE},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - likewise
        manifest = json.load(answer)
    for digest in (manifest["config"]["digest"], manifest["layers"][0]["digest"]):
        with urllib.request.urlopen(
            f"http://{registry_host}/v2/funkhaus/hello/blobs/{digest}", timeout=10
        ) as answer:
            assert io.BytesIO(answer.read()).getvalue() == layout.blob(digest).read_bytes()


def test_a_spoilt_blob_is_refused_by_the_registry(registry_host: str, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "oci")
    image = built(layout, tmp_path, "two")
    blob = layout.blob(image.blobs[1])
    spoilt = bytearray(blob.read_bytes())
    spoilt[-1] ^= 1
    blob.write_bytes(spoilt)
    with pytest.raises(ClusterError, match=f"refused blob {image.blobs[1]}"):
        Registry(registry_host).push(layout, image, "funkhaus/hello")


def test_a_registry_that_is_not_there_is_named(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "oci")
    image = built(layout, tmp_path, "three")
    with pytest.raises(ClusterError, match=r"registry http://127\.0\.0\.1:9 did not answer HEAD"):
        Registry("127.0.0.1:9").push(layout, image, "funkhaus/hello")
