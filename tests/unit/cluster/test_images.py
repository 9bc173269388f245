"""What images are made of, how that is keyed, and that a layer is the same whoever packs it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import stat
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from funkhaus_cluster.errors import ClusterError
from funkhaus_cluster.images import build, debian, layer, packages, recipe
from funkhaus_cluster.images.layout import LAYER_TYPE, UNUSED_SECONDS, Layout

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[3]
RECIPE = ROOT / "runtimes/python/image/recipe.toml"
EPOCH = 1_000_000_000

SOURCES = """\
Types: deb
# an older address
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.test/security
Suites: bookworm-security
Components: main

Types: deb
URIs: http://other.test/engine
Suites: bookworm
Components: stable

Enabled: no
Types: deb
URIs: http://off.test/debian
Suites: bookworm
Components: main
"""


@pytest.fixture
def shipped() -> recipe.Recipe:
    return recipe.load(RECIPE)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/su").write_text("su")
    (root / "usr/bin/su").chmod(0o4755)
    (root / "usr/bin/twin").hardlink_to(root / "usr/bin/su")
    (root / "bin").symlink_to("usr/bin")
    (root / "tmp").mkdir(mode=0o755)
    (root / "tmp").chmod(0o1777)
    (root / "usr/share/doc/su").mkdir(parents=True)
    (root / "usr/share/doc/su/copyright").write_text("a licence")
    (root / "usr/share/doc/su/changelog").write_text("news")
    os.utime(root / "usr/share/doc/su/copyright", (5, 5))
    return root


def packed(root: Path, **options: object) -> tuple[layer.Layer, bytes]:
    target = io.BytesIO()
    made = layer.pack(root, target, epoch=EPOCH, **options)  # type: ignore[arg-type]
    return made, target.getvalue()


def entries(content: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return {entry.name: entry for entry in archive}


def test_the_shipped_recipe_is_whole(shipped: recipe.Recipe) -> None:
    assert shipped.user.id == 65532
    assert shipped.config.entrypoint == ("python3", "-m", "funkhaus_runtime")
    assert shipped.site.python == "3.11"
    assert {"function", "packages"} <= set(shipped.config.directories)


def test_the_image_names_no_mirror(shipped: recipe.Recipe) -> None:
    assert {"etc/apt", "etc/apt/*", "var/lib/apt/*", "etc/resolv.conf"} <= set(shipped.debian.drop)
    assert "://" not in RECIPE.read_text()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("epoch = 1795478400", "", "debian.epoch is missing"),
        (
            "epoch = 1795478400",
            "epoch = 'now'",
            "debian.epoch is 'now', which is not a whole number",
        ),
        ("epoch = 1795478400", "epoch = 0", "debian.epoch is 0"),
        ("epoch = 1795478400", "epoch = true", "debian.epoch is True"),
        ('suite = "bookworm"', 'suite = ""', "debian.suite is ''"),
        ('suite = "bookworm"', 'suite = "bookworm"\nmirror = "x"', "debian.mirror is not known"),
        ("[user]", "[users]", "no section [user]"),
        ("[user]", "[user", "cannot be read"),
        ('workdir = "/function"', 'workdir = ["/function"]', "config.workdir is ['/function']"),
    ],
)
def test_a_wrong_recipe_is_refused_by_name(tmp_path: Path, old: str, new: str, words: str) -> None:
    text = RECIPE.read_text()
    assert old in text
    file = tmp_path / "recipe.toml"
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(ClusterError) as refused:
        recipe.load(file)
    assert words in str(refused.value)
    assert str(file) in str(refused.value)


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"nowhere\.toml cannot be read"):
        recipe.load(tmp_path / "nowhere.toml")


def test_the_key_follows_what_a_layer_is_made_of(shipped: recipe.Recipe) -> None:
    first = recipe.key("Debian", shipped.debian)
    assert first == recipe.key("Debian", recipe.load(RECIPE).debian)
    assert len(first) == 64
    younger = replace(shipped.debian, epoch=shipped.debian.epoch + 1)
    assert len({first, recipe.key("Debian", younger), recipe.key("wheels", shipped.debian)}) == 3


def test_the_tree_digest_sees_names_contents_and_modes_only(tmp_path: Path) -> None:
    def tree_at(place: Path, change: Callable[[Path], object] = lambda _: None) -> str:
        (place / "pkg").mkdir(parents=True)
        (place / "pkg/a.py").write_text("a = 1\n")
        (place / "pkg/__pycache__").mkdir()
        (place / "pkg/__pycache__/a.pyc").write_bytes(os.urandom(8))
        change(place / "pkg")
        return recipe.tree_digest(place / "pkg")

    here = tree_at(tmp_path / "here")
    assert here == tree_at(tmp_path / "there")
    changes: list[Callable[[Path], object]] = [
        lambda pkg: (pkg / "a.py").write_text("a = 2\n"),
        lambda pkg: (pkg / "a.py").rename(pkg / "b.py"),
        lambda pkg: (pkg / "a.py").chmod(0o755),
        lambda pkg: (pkg / "new.py").touch(),
    ]
    others = {tree_at(tmp_path / str(n), change) for n, change in enumerate(changes)}
    assert len(others) == 4
    assert here not in others


def test_a_layer_is_the_same_whoever_packs_it(tree: Path, tmp_path: Path) -> None:
    one, first = packed(tree, owner=(0, 0))
    (tmp_path / "elsewhere").mkdir()
    moved = tree.rename(tmp_path / "elsewhere/tree")
    os.utime(moved / "usr/bin/su", (2e9, 2e9))  # younger than the epoch, like anything built today
    two, second = packed(moved, owner=(0, 0))
    assert (one, first) == (two, second)
    assert one.digest == f"sha256:{hashlib.sha256(first).hexdigest()}"
    assert one.diff_id == f"sha256:{hashlib.sha256(gzip.decompress(first)).hexdigest()}"
    assert one.size == len(first)


def test_a_layer_keeps_what_a_file_is(tree: Path) -> None:
    found = entries(packed(tree, owner=(7, 8))[1])
    assert list(found) == sorted(found)
    assert found["bin"].issym()
    assert found["bin"].linkname == "usr/bin"
    assert found["usr/bin/twin"].islnk()
    assert found["usr/bin/twin"].linkname == "usr/bin/su"
    assert found["tmp"].mode == 0o1777
    assert found["usr/share/doc/su/copyright"].mtime == 5
    assert {(entry.uid, entry.gid, entry.uname) for entry in found.values()} == {(7, 8, "")}
    assert max(entry.mtime for entry in found.values()) == EPOCH


def test_a_layer_has_no_set_user_id_programs(tree: Path) -> None:
    assert (tree / "usr/bin/su").stat().st_mode & stat.S_ISUID
    assert entries(packed(tree)[1])["usr/bin/su"].mode == 0o755


def test_what_is_dropped_is_gone_and_what_is_kept_stays_with_its_folders(tree: Path) -> None:
    names = layer.selected(tree, ["usr/share/*"], ["usr/share/doc/*/copyright"])
    assert "usr/share/doc/su/copyright" in names
    assert "usr/share/doc/su" in names
    assert "usr/share/doc/su/changelog" not in names
    assert "usr/bin/su" in names


def test_a_layer_is_found_again_by_its_key(tmp_path: Path, tree: Path) -> None:
    layout = Layout(tmp_path / "oci")
    assert layout.layer("k") is None
    made = layout.keep("k", lambda file: layer.pack(tree, file, epoch=EPOCH))
    assert layout.layer("k") == made
    assert layout.blob(made.digest).stat().st_size == made.size


def test_a_truncated_layer_is_not_found(tmp_path: Path, tree: Path) -> None:
    layout = Layout(tmp_path / "oci")
    made = layout.keep("k", lambda file: layer.pack(tree, file, epoch=EPOCH))
    os.truncate(layout.blob(made.digest), made.size - 1)
    assert layout.layer("k") is None


def test_a_layer_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "oci")

    def fail(file: io.BufferedIOBase) -> layer.Layer:
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        layout.keep("k", fail)  # type: ignore[arg-type]
    assert not list((tmp_path / "oci/blobs/sha256").iterdir())
    assert layout.layer("k") is None


def test_an_image_is_an_oci_layout(tmp_path: Path, tree: Path) -> None:
    layout = Layout(tmp_path / "oci")
    made = layout.keep("k", lambda file: layer.pack(tree, file, epoch=EPOCH))
    config = {"architecture": "amd64", "os": "linux", "config": {"User": "65532:65532"}}
    image = layout.image("hello", [made], config)
    assert layout.image("hello", [made], config) == image
    (pointer,) = json.loads((tmp_path / "oci/index.json").read_text())["manifests"]
    assert pointer["digest"] == image.digest
    manifest = json.loads(layout.blob(image.digest).read_text())
    assert manifest["layers"] == [
        {"mediaType": LAYER_TYPE, "digest": made.digest, "size": made.size}
    ]
    written = json.loads(layout.blob(manifest["config"]["digest"]).read_text())
    assert written == {**config, "rootfs": {"type": "layers", "diff_ids": [made.diff_id]}}


def test_pruning_takes_only_what_is_old_and_unused(tmp_path: Path, tree: Path) -> None:
    layout = Layout(tmp_path / "oci")
    kept = layout.keep("kept", lambda file: layer.pack(tree, file, epoch=EPOCH))
    old = layout.keep("old", lambda file: layer.pack(tree / "usr", file, epoch=EPOCH))
    young = layout.keep("young", lambda file: layer.pack(tree / "tmp", file, epoch=EPOCH))
    (tmp_path / "oci/layers/young.json").unlink()
    layout.image("hello", [kept], {})
    past = os.stat(tmp_path).st_mtime - UNUSED_SECONDS - 60  # noqa: PTH116 - a number
    for file in (
        layout.folder / "layers/old.json",
        layout.blob(old.digest),
        layout.blob(kept.digest),
    ):
        os.utime(file, (past, past))
    assert layout.prune() == old.size
    assert not layout.blob(old.digest).exists()
    assert layout.blob(kept.digest).exists()
    assert layout.blob(young.digest).exists()


def test_debian_is_taken_from_the_machines_own_sources(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d/debian.sources").write_text(SOURCES)
    (tmp_path / "sources.list").write_text(
        "# deb http://off.test bookworm main\n"
        "deb [arch=amd64 signed-by=/k] http://mirror.test/one bookworm main contrib\n"
        "deb-src http://mirror.test/one bookworm main\n"
        "deb http://mirror.test/two trixie main\n"
    )
    (kind, lines), (other, stanzas) = debian.apt_sources("bookworm", tmp_path)
    assert (kind, other) == (".list", ".sources")
    assert lines.splitlines() == [
        "deb [arch=amd64 signed-by=/k] http://mirror.test/one bookworm main contrib"
    ]
    assert stanzas.count("Types:") == 2
    assert "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg" in stanzas
    assert "other.test" not in stanzas
    assert "off.test" not in stanzas
    assert debian.apt_sources("bullseye", tmp_path) == []


def test_only_what_reaches_mirrors_is_taken_from_apts_configuration() -> None:
    dump = """
APT::Architecture "amd64";
Acquire "";
Acquire::http::Proxy "http://proxy.test:3128";
Acquire::Check-Valid-Until "false";
Acquire::IndexTargets::deb::DEP-11 "";
DPkg::Post-Invoke:: "rm -rf /";
"""
    assert debian.apt_options(dump) == [
        'Acquire::http::Proxy "http://proxy.test:3128";',
        'Acquire::Check-Valid-Until "false";',
    ]


def test_mmdebstrap_mounts_in_a_namespace_of_its_own(shipped: recipe.Recipe) -> None:
    words = debian.arguments(
        shipped, Path("/t"), sources=[Path("/s/0.sources")], options=Path("/s/apt.conf")
    )
    assert words[:5] == ["unshare", "--mount", "--propagation", "private", "--"]
    assert words[5] == "mmdebstrap"
    assert {f"--include={name}" for name in shipped.debian.packages} <= set(map(str, words))
    assert words[-3:] == ["bookworm", Path("/t"), Path("/s/0.sources")]


def test_the_user_and_folders_are_added_once(tmp_path: Path, shipped: recipe.Recipe) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
    (tmp_path / "etc/group").write_text("root:x:0:\n")
    debian.furnish(shipped, tmp_path)
    debian.furnish(shipped, tmp_path)
    assert (tmp_path / "etc/passwd").read_text().splitlines()[1:] == [
        "nonroot:x:65532:65532::/tmp:/usr/sbin/nologin"
    ]
    assert (tmp_path / "etc/group").read_text().splitlines()[1:] == ["nonroot:x:65532:"]
    assert (tmp_path / "function").is_dir()


def test_wheels_are_locked_and_chosen_for_the_image(shipped: recipe.Recipe) -> None:
    words = packages.arguments(shipped.site, Path("/l"), Path("/t"), machine="x86_64")
    assert {"--require-hashes", "--no-deps", "--no-compile"} <= set(words)
    assert words[words.index("--only-binary") + 1] == ":all:"
    assert "manylinux_2_28_x86_64" in words
    assert not any("index" in str(word) or "://" in str(word) for word in words)


def test_the_server_is_compiled_as_if_it_lay_in_the_image(
    tmp_path: Path, shipped: recipe.Recipe
) -> None:
    source = tmp_path / "src/server"
    source.mkdir(parents=True)
    (source / "__init__.py").write_text("def f():\n    raise ValueError\n")
    roots = [tmp_path / "one", tmp_path / "two"]
    for root in roots:
        packages.place_source(shipped.site, source, root)
    one, two = (packed(root, owner=(0, 0)) for root in roots)
    assert one == two
    (compiled,) = (name for name in entries(one[1]) if name.endswith(".pyc"))
    content = (roots[0] / compiled).read_bytes()
    assert f"/{shipped.site.path}/server/__init__.py".encode() in content
    assert str(tmp_path).encode() not in content
    assert content[4] == 0b01  # by hash, never checked: PEP 552


def test_another_python_is_refused(tmp_path: Path, shipped: recipe.Recipe) -> None:
    with pytest.raises(ClusterError, match=r"image's Python is 3\.99"):
        packages.compile_tree(replace(shipped.site, python="3.99"), tmp_path)


def test_a_missing_lock_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "python"
    (folder / "image").mkdir(parents=True)
    (folder / "image/recipe.toml").write_text(RECIPE.read_text())
    source = build.Source("python3.11", folder, "server")
    with pytest.raises(ClusterError, match=r"requirements\.lock is missing"):
        build.images(
            source,
            Layout(tmp_path / "oci"),
            print,
            commands=build.Commands(),
            build_log=tmp_path / "l",
        )
