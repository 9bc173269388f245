"""A source layer is a value: same files, same bytes; nobody but root owns them, nobody writes them."""

from __future__ import annotations

import gzip
import io
import json
import tarfile

from funkhaus.registry import image

FILES = {"hello.py": b"x = 1\n", "pkg/deep/a.txt": b"a", "pkg/b.txt": b""}


def members(layer: image.Layer) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(layer.content), mode="r:gz") as archive:
        return {member.name: member for member in archive}


def test_order_of_files_does_not_matter() -> None:
    assert image.source_layer(FILES) == image.source_layer(dict(reversed(FILES.items())))


def test_the_digest_is_of_what_it_unpacks_to() -> None:
    layer = image.source_layer(FILES)
    assert layer.diff_id == image.digest_of(gzip.decompress(layer.content))


def test_folders_come_before_what_is_in_them_and_nothing_is_writable() -> None:
    found = members(image.source_layer(FILES))
    assert list(found) == [
        "function",
        "function/hello.py",
        "function/pkg",
        "function/pkg/b.txt",
        "function/pkg/deep",
        "function/pkg/deep/a.txt",
    ]
    for member in found.values():
        assert member.mode == (0o555 if member.isdir() else 0o444)
        assert (member.uid, member.gid, member.mtime) == (0, 0, 0)


def test_a_long_name_and_another_alphabet_survive() -> None:
    name = "ä" * 60 + "/" + "b" * 120
    assert f"function/{name}" in members(image.source_layer({name: b"x"}))


def test_the_config_keeps_the_bases_and_adds_the_layer() -> None:
    base = {
        "architecture": "arm64",
        "os": "linux",
        "config": {"Entrypoint": ["/s"], "Labels": {"a": "b"}},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:1"]},
        "history": [{"created_by": "base"}],
    }
    layer = image.source_layer(FILES)
    made = json.loads(image.config(base, layer, {"c": "d"}))
    assert made["architecture"] == "arm64"
    assert made["config"] == {"Entrypoint": ["/s"], "Labels": {"a": "b", "c": "d"}}
    assert made["rootfs"]["diff_ids"] == ["sha256:1", layer.diff_id]
    assert len(made["history"]) == 2


def test_a_docker_base_becomes_an_oci_image() -> None:
    base = {
        "layers": [
            {
                "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                "digest": "sha256:1",
                "size": 3,
            }
        ]
    }
    made = json.loads(image.manifest(base, "r/b@sha256:2", b"{}", image.source_layer(FILES)))
    assert {item["mediaType"] for item in made["layers"]} == {image.LAYER}
    assert made["annotations"]["org.opencontainers.image.base.digest"] == "sha256:2"
