"""A layer of packages is a value: the same files, the same bytes, whoever built them and when."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from typing import TYPE_CHECKING

from funkhaus.registry import image
from funkhaus.registry.packages import write_layer
from tests.support.builds import member, tar, tar_of

if TYPE_CHECKING:
    from funkhaus.domain.packages import PackagesLayer

FILES = {"pkg/__init__.py": b"x = 1\n", "pkg/deep/a.txt": b"a" * 1000, "six.py": b""}


def written(content: bytes) -> tuple[PackagesLayer, bytes]:
    target = io.BytesIO()
    return write_layer(io.BytesIO(content), target, "packages/demo"), target.getvalue()


def test_the_same_files_are_the_same_layer() -> None:
    first = written(tar_of(FILES))
    dressed = [
        member(name, content, mtime=5, uid=1000, gname="staff", mode=0o6600)
        for name, content in reversed(FILES.items())
    ]
    assert written(tar(*dressed)) == first


def test_it_is_below_packages_and_nobody_s_to_write() -> None:
    layer, content = written(tar(member("bin/tool", b"#!", mode=0o777), member("a.py", b"a")))
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        found = {item.name: item for item in archive}
    assert list(found) == ["packages", "packages/bin", "packages/a.py", "packages/bin/tool"]
    modes = {name: item.mode for name, item in found.items()}
    assert modes == {
        "packages": 0o555,
        "packages/bin": 0o555,
        "packages/a.py": 0o444,
        "packages/bin/tool": 0o555,
    }
    assert {(item.uid, item.gid, item.mtime) for item in found.values()} == {(0, 0, 0)}
    assert layer.digest == image.digest_of(content)
    assert layer.diff_id == image.digest_of(gzip.decompress(content))
    assert layer.size == len(content)


def test_an_image_has_packages_below_its_source() -> None:
    packages, source = written(tar_of(FILES))[0], image.source_layer({"hello.py": b""})
    below = {"mediaType": image.LAYER, "digest": "sha256:b", "size": 3}
    base = {"rootfs": {"diff_ids": ["sha256:1"]}, "layers": [below]}
    config = json.loads(image.config(base, source, {}, packages))
    assert config["rootfs"]["diff_ids"] == ["sha256:1", packages.diff_id, source.diff_id]
    assert [item["created_by"] for item in config["history"]] == [
        "funkhaus: the function's packages",
        "funkhaus: the function's source",
    ]
    made = json.loads(image.manifest(base, "r/b@sha256:2", b"{}", source, packages))
    digests = [item["digest"] for item in made["layers"]]
    assert digests == ["sha256:b", packages.digest, image.digest_of(source.content)]


def test_a_manifest_of_packages_is_of_one_key() -> None:
    layer = written(tar_of(FILES))[0]
    document = json.loads(image.packages_manifest(layer, "sha256:k", b"log"))
    assert image.packages_of(document, "packages/demo", "sha256:k") == layer
    assert image.packages_of(document, "packages/demo", "sha256:other") is None
    assert image.packages_of({}, "packages/demo", "sha256:k") is None
