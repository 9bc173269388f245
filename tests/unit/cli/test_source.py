"""What `--from-file` reads, refuses and leaves out; and that the same files make the same archive."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funkhaus.domain import archive as rules
from funkhaus_cli import archive, source
from funkhaus_cli.failure import Exit, Failure

if TYPE_CHECKING:
    from pathlib import Path


def refused(*paths: object) -> str:
    with pytest.raises(Failure) as caught:
        source.read([str(path) for path in paths])
    assert caught.value.exit == Exit.USAGE
    return caught.value.message


def test_a_directory_is_its_files(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").write_text("")
    (tmp_path / "pkg" / "shop.py").write_text("x = 1")
    (tmp_path / "main.py").write_text("y = 1")
    bundle = source.read([str(tmp_path)])
    assert list(bundle.files) == ["main.py", "pkg/__init__.py", "pkg/shop.py"]
    assert source.modules(bundle) == ["main", "pkg", "pkg.shop"]


def test_what_nobody_means_to_ship_stays(tmp_path: Path) -> None:
    for name in (
        ".env",
        ".git/config",
        "__pycache__/a.pyc",
        "a.pyc",
        "venv/lib.py",
        "notes/draft.md",
        "tests/t.py",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("secret")
    (tmp_path / "main.py").write_text("")
    (tmp_path / source.IGNORE_FILE).write_text("# mine\n*.md\ntests/\n\n")
    assert list(source.read([str(tmp_path)]).files) == ["main.py"]


def test_links_stay_inside(tmp_path: Path) -> None:
    inside = tmp_path / "src"
    inside.mkdir()
    (inside / "main.py").write_text("x = 1")
    (inside / "alias.py").symlink_to("main.py")
    assert source.read([str(inside)]).files["alias.py"] == b"x = 1"
    (tmp_path / "secret").write_text("secret")
    (inside / "leak.py").symlink_to("../secret")
    assert "outside the directory" in refused(inside)


def test_several_sources_are_one(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.py").write_text("")
    assert list(source.read([str(tmp_path / "a.py"), str(tmp_path / "more")]).files) == [
        "a.py",
        "b.py",
    ]
    (tmp_path / "more" / "a.py").write_text("other")
    assert "both hold a.py" in refused(tmp_path / "a.py", tmp_path / "more")


def test_what_is_no_source(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "Hello.PY").write_text("")
    (tmp_path / "empty").mkdir()
    assert "use `-` to read one from a pipe" in refused(tmp_path / "pipe")
    assert "there is Hello.PY" in refused(tmp_path / "hello.py")
    assert "holds no file" in refused(tmp_path / "empty")
    assert "--from-url has the platform fetch it" in refused("http://example.com/a.py")
    assert "--from-file a\0b" in refused("a\0b").replace("\\x00", "\0")
    (tmp_path / "empty" / "pipe.py").symlink_to(tmp_path / "empty" / "gone")
    assert refused(tmp_path / "empty")


def test_inline_while_it_is_small_text(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("ü" * 32 * 1024)
    assert source.read([str(path)]).inline() == {"a.py": "ü" * 32 * 1024}
    path.write_text("ü" * 32 * 1024 + "x")
    assert source.read([str(path)]).inline() is None
    path.write_bytes(b"\xff")
    assert source.read([str(path)]).inline() is None
    path.write_bytes(b"a\0")
    assert source.read([str(path)]).inline() is None
    assert source.Bundle({f"{n}.py": b"" for n in range(33)}).inline() is None
    assert source.Bundle({f"{n}.py": b"" for n in range(32)}).inline() is not None


def zipped(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as bundle:
        for name, text in files.items():
            bundle.writestr(name, text)
    return path


def test_archives_are_opened(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"main.py": "x", "pkg/b.py": "y"})
    assert source.read([str(path)]).files == {"main.py": b"x", "pkg/b.py": b"y"}
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as bundle:
        entry = tarfile.TarInfo("./main.py")
        entry.size = 1
        bundle.addfile(entry, io.BytesIO(b"x"))
    assert source.read([str(tmp_path / "a.tar.gz")]).files == {"main.py": b"x"}


@pytest.mark.parametrize("name", ["../evil.py", "/etc/passwd", "a/../../b", "C:evil"])
def test_archives_that_reach_out(tmp_path: Path, name: str) -> None:
    assert "a.zip" in refused(zipped(tmp_path / "a.zip", {name: "x"}))


def test_archives_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"nonsense")
    assert "neither a zip nor a gzipped tar" in refused(tmp_path / "a.zip")
    (tmp_path / "b.tgz").write_bytes(b"\x1f\x8b broken")
    assert "can't be read" in refused(tmp_path / "b.tgz")
    (tmp_path / "c.7z").write_bytes(b"")
    assert ".zip, .tar.gz, .tgz" in refused(tmp_path / "c.7z")


WORDS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=8)


@given(
    st.dictionaries(
        st.lists(WORDS, min_size=1, max_size=2).map(lambda path: f"{'/'.join(path)}.py"),
        st.binary(max_size=64),
        min_size=1,
    )
)
def test_what_is_packed_is_what_the_platform_unpacks(files: dict[str, bytes]) -> None:
    packed = archive.pack(files)
    assert rules.unpack(packed) == files
    assert archive.pack(dict(reversed(files.items()))) == packed


def test_too_much_is_said_with_its_largest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "SIZE_LIMIT", 10)
    (tmp_path / "a.py").write_text("1234")
    (tmp_path / "b.bin").write_text("12345678")
    assert "b.bin alone has" in refused(tmp_path)
    monkeypatch.setattr(source, "FILES_LIMIT", 1)
    (tmp_path / "b.bin").write_text("")
    assert "more than 1 files" in refused(tmp_path)
