"""Archives from strangers: what comes out is files, whatever went in."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from funkhaus.domain import archive
from funkhaus.domain.errors import InvalidError, TooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable

FILES = {"hello.py": b"x = 1\n", "pkg/a.txt": b"a"}


def tar(*entries: tarfile.TarInfo | tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as made:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                made.addfile(entry)
            else:
                info = tarfile.TarInfo(entry[0])
                info.size = len(entry[1])
                made.addfile(info, io.BytesIO(entry[1]))
    return buffer.getvalue()


def zipped(*entries: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in entries:
            made.writestr(name, content)
    return buffer.getvalue()


def special(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize("make", [tar, zipped])
def test_files_come_out(make: Callable[..., bytes]) -> None:
    assert archive.unpack(make(*FILES.items())) == FILES


def test_folders_and_a_leading_dot_are_no_matter() -> None:
    content = tar(special("./pkg", tarfile.DIRTYPE), ("./pkg/a.py", b"a"))
    assert archive.unpack(content) == {"pkg/a.py": b"a"}


@pytest.mark.parametrize("make", [tar, zipped])
@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../x", "a/../../x", "a//b", "a\\b", "C:/x", "a/./b", "a\nb", "b" * 201]
)
def test_a_name_that_leads_elsewhere_is_refused(make: Callable[..., bytes], name: str) -> None:
    with pytest.raises(InvalidError) as caught:
        archive.unpack(make((name, b"x")))
    assert caught.value.findings[0].code == "archive-name"


@pytest.mark.parametrize(
    "entry",
    [
        special("l", tarfile.SYMTYPE, "/etc/passwd"),
        special("l", tarfile.LNKTYPE, "hello.py"),
        special("d", tarfile.CHRTYPE),
        special("f", tarfile.FIFOTYPE),
    ],
)
def test_links_and_devices_are_refused(entry: tarfile.TarInfo) -> None:
    with pytest.raises(InvalidError, match="no regular file"):
        archive.unpack(tar(("hello.py", b"x"), entry))


def test_a_link_in_a_zip_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        info = zipfile.ZipInfo("l")
        info.external_attr = 0o120777 << 16
        made.writestr(info, "/etc/passwd")
    with pytest.raises(InvalidError, match="no regular file"):
        archive.unpack(buffer.getvalue())


@pytest.mark.parametrize("make", [tar, zipped])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_of_one_name_are_refused(make: Callable[..., bytes]) -> None:
    with pytest.raises(InvalidError, match="twice"):
        archive.unpack(make(("a", b"1"), ("a", b"2")))


def test_a_file_that_is_a_folder_too_is_refused() -> None:
    with pytest.raises(InvalidError, match="both as a file and as a folder"):
        archive.unpack(zipped(("a", b"1"), ("a/b", b"2")))


@pytest.mark.parametrize("make", [tar, zipped])
def test_b29_a_bomb_does_not_go_off(make: Callable[..., bytes]) -> None:
    content = make(("zeros", bytes(archive.UNPACKED_LIMIT + 1)))
    assert len(content) < 1024 * 1024
    with pytest.raises(TooLargeError) as caught:
        archive.unpack(content)
    assert caught.value.findings[0].limit == archive.UNPACKED_LIMIT


def test_b29_a_bomb_in_a_tar_header_does_not_go_off() -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 10 * 1024**3
    block = header.tobuf(tarfile.GNU_FORMAT)
    content = gzip.compress(block + bytes(archive.UNPACKED_LIMIT + 64 * 1024 * 1024), 1)
    with pytest.raises((InvalidError, TooLargeError)):
        archive.unpack(content)


def test_too_many_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "FILES_LIMIT", 3)
    with pytest.raises(TooLargeError, match="4 files; at most 3"):
        archive.unpack(zipped(*((f"f{n}", b"") for n in range(4))))


def test_an_archive_over_its_limit_is_not_even_opened() -> None:
    with pytest.raises(TooLargeError) as caught:
        archive.unpack(b"PK" + bytes(archive.ARCHIVE_LIMIT))
    assert caught.value.findings[0].passes == archive.ARCHIVE_LIMIT


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"PK\x03\x04broken",
        b"\x1f\x8bbroken",
        gzip.compress(b"no tar at all" * 100),
        tar(("a", b"x" * 5000))[:-200],
        zipped(("a", b"x" * 5000))[:-10],
        tar(),
        zipped(),
    ],
    # Named: compressed bytes hold the time they were made, and every worker has to collect the same tests.
    ids=[
        "empty",
        "text",
        "broken-zip",
        "broken-gzip",
        "no-tar",
        "cut-tar",
        "cut-zip",
        "empty-tar",
        "empty-zip",
    ],
)
def test_what_is_no_archive_says_so(content: bytes) -> None:
    with pytest.raises(InvalidError, match="the archive"):
        archive.unpack(content)


def test_b26_repositories_keep_tenants_apart() -> None:
    assert archive.sources_repository("demo", "main") == "sources/demo/main"
    assert archive.image_repository("demo", "main", "hello") == "functions/demo/main/hello"


def test_a_folder_alone() -> None:
    files = {"a/b/c.py": b"1", "a/d.py": b"2", "ab/e.py": b"3"}
    assert archive.within(files, "") == files
    assert archive.within(files, "a") == {"b/c.py": b"1", "d.py": b"2"}
    assert archive.within(files, "a/b") == {"c.py": b"1"}
    with pytest.raises(InvalidError, match="has no folder 'b'; it has a, ab"):
        archive.within(files, "b")
