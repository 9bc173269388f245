"""A build's result is believed in nothing: whatever has no business in a layer is refused by name."""

from __future__ import annotations

import io
import tarfile

import pytest

from funkhaus.domain import packages
from funkhaus.domain.errors import InvalidError, TooLargeError
from tests.support.builds import member, tar, tar_of


def index(content: bytes) -> list[packages.Entry]:
    return packages.index(io.BytesIO(content))


def test_files_come_out_sorted_with_their_place() -> None:
    content = tar_of({"b/c.py": b"c", "a.py": b"aa", "b/" + "d" * 150 + ".py": b""})
    found = index(content)
    assert [entry.name for entry in found] == ["a.py", "b/c.py", "b/" + "d" * 150 + ".py"]
    assert [content[entry.offset :][: entry.size] for entry in found] == [b"aa", b"c", b""]
    assert packages.folders(found) == ["b"]


def test_only_who_may_be_executed_may() -> None:
    found = index(tar(member("a", mode=0o755), member("b", mode=0o6644)))
    assert [entry.executable for entry in found] == [True, False]


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a\\b", "a/./b", ".wh.x", "a/.wh..wh..opq", "a\nb", "..", ""],
)  # fmt: skip
def test_a_name_that_would_land_elsewhere(name: str) -> None:
    with pytest.raises(InvalidError) as caught:
        index(tar(member(name, b"x")))
    assert caught.value.findings[0].code == "packages-name"


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"S", b"x", b"g", b"Z"]
)  # fmt: skip
def test_what_is_no_file(kind: bytes) -> None:
    with pytest.raises(InvalidError) as caught:
        index(tar(member("odd", type=kind, linkname="/etc/passwd")))
    assert caught.value.findings[0].code == "packages-entry"
    assert "'odd'" in caught.value.message


def test_a_name_twice_and_a_file_as_a_folder() -> None:
    with pytest.raises(InvalidError, match="'a' twice"):
        index(tar(member("a"), member("a")))
    with pytest.raises(InvalidError, match="both as a file and as a folder"):
        index(tar(member("a/b"), member("a")))


def test_a_hundred_thousand_files() -> None:
    block = tarfile.TarInfo("x").tobuf(tarfile.GNU_FORMAT)
    assert len(block) == 512
    many = b"".join(
        tarfile.TarInfo(f"f{number}").tobuf(tarfile.GNU_FORMAT) for number in range(20_001)
    )
    with pytest.raises(TooLargeError, match="20001 files or more; at most 20000 pass"):
        index(many)


def test_folders_count_too() -> None:
    with pytest.raises(TooLargeError, match="files or more"):
        index(tar(*(member(f"d{number}", type=tarfile.DIRTYPE) for number in range(40_001))))


def test_more_bytes_than_pass() -> None:
    class Sparse(io.BytesIO):
        """A tar that says it is large, and is."""

        def seek(self, offset: int, whence: int = 0) -> int:
            return packages.RESULT_LIMIT + 1 if whence == 2 else super().seek(offset, whence)

    with pytest.raises(TooLargeError, match="bytes or more"):
        packages.index(Sparse(b""))


def test_a_header_that_lies() -> None:
    info = tarfile.TarInfo("a")
    info.size = 10_000_000_000
    with pytest.raises(InvalidError, match="ends before"):
        index(info.tobuf(tarfile.GNU_FORMAT) + b"\0" * 1024)
    info.size = -1
    with pytest.raises(InvalidError, match="ends before"):
        index(info.tobuf(tarfile.GNU_FORMAT) + b"\0" * 1024)
    with pytest.raises(InvalidError, match="is no tar"):
        index(b"x" * 2000)
    with pytest.raises(InvalidError, match="is no tar"):
        index(b"\x1f\x8b" + b"x" * 100)
    with pytest.raises(InvalidError, match="longer than 240 bytes"):
        index(tar(member("a" * 250)))
    with pytest.raises(InvalidError, match="a name longer"):
        index(tar(member("a" * 3000)))


def test_nothing_is_no_file() -> None:
    assert index(b"") == []
    assert index(tar()) == []
