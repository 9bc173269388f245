"""What a build leaves: a plain tar of installed packages, read block by block and trusted in nothing it says of itself.

Regular files and folders come out. A link, a device, a name that would land elsewhere, too many or too much is refused by
name. The format is GNU tar without extensions but long names: what is not read can't lie.
"""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus.domain.errors import InvalidError, TooLargeError
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

UNPACKED_LIMIT = 256 * 1024 * 1024
"""Bytes of all files of a function's packages together."""
FILES_LIMIT = 20_000
NAME_LIMIT = 240
"""Bytes of a path in UTF-8."""
_BLOCK = tarfile.BLOCKSIZE
RESULT_LIMIT = UNPACKED_LIMIT + 4 * FILES_LIMIT * _BLOCK
"""Bytes of the tar."""
_PATH = "spec.dependencies"
_ENTRIES_LIMIT = 2 * FILES_LIMIT
_LONG_NAME = b"L"
_FILES = {tarfile.REGTYPE, tarfile.AREGTYPE}
_WHITEOUT = ".wh."
"""How an image's layer says that a file below is gone."""


@dataclass(frozen=True, slots=True)
class PackagesLayer:
    """A layer of packages in the registry: `digest` and `size` as pushed, `diff_id` of what it unpacks to."""

    repository: str
    digest: str
    diff_id: str
    size: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A file: where its bytes lie in the tar, and whether it may be executed."""

    name: str
    offset: int
    size: int
    executable: bool


def repository(tenant: str) -> str:
    """The registry's repository for a tenant's packages: nobody else's are found there."""
    return f"packages/{tenant}"


def index(tar: BinaryIO) -> list[Entry]:
    """The files of a tar, sorted by name; `tar` can be sought in.

    Raises `InvalidError` (no such tar, a name or an entry that has no business there) and `TooLargeError`.
    """
    found: dict[str, Entry] = {}
    total = 0
    for count, (name, at, header) in enumerate(_members(tar), 1):
        if count > _ENTRIES_LIMIT:
            raise _too_large("files", count, FILES_LIMIT)
        if header.type == tarfile.DIRTYPE:
            continue
        if header.type not in _FILES:
            raise _refused("packages-entry", f"has {name!r}, which is a link or a device, no file")
        if name in found:
            raise _refused("packages-name", f"has {name!r} twice")
        found[name] = Entry(name, at, header.size, bool(header.mode & 0o100))
        total += header.size
        if len(found) > FILES_LIMIT:
            raise _too_large("files", len(found), FILES_LIMIT)
        if total > UNPACKED_LIMIT:
            raise _too_large("bytes", total, UNPACKED_LIMIT)
    _no_file_in_a_file(found)
    return [found[name] for name in sorted(found)]


def _members(tar: BinaryIO) -> Iterator[tuple[str, int, tarfile.TarInfo]]:
    """Name, place of the content and header of each member, in the tar's order."""
    end = tar.seek(0, 2)
    if end > RESULT_LIMIT:
        raise _too_large("bytes", end, RESULT_LIMIT)
    at, long_name = 0, ""
    while True:
        tar.seek(at)
        block = tar.read(_BLOCK)
        if not block.strip(b"\0"):
            return
        header = _header(block)
        at += _BLOCK
        if not 0 <= header.size <= end - at:
            raise _refused("packages-broken", "ends before what it announces")
        if header.type == _LONG_NAME:
            long_name = _long_name(tar, at, header.size)
        else:
            yield _checked(long_name or header.name), at, header
            long_name = ""
        at += -(-header.size // _BLOCK) * _BLOCK


def folders(entries: list[Entry]) -> list[str]:
    """Every folder the entries lie in, sorted."""
    found: set[str] = set()
    for entry in entries:
        parent = entry.name.rpartition("/")[0]
        while parent and parent not in found:
            found.add(parent)
            parent = parent.rpartition("/")[0]
    return sorted(found)


def _header(block: bytes) -> tarfile.TarInfo:
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.HeaderError, UnicodeDecodeError, ValueError) as error:
        raise _refused("packages-broken", "is no tar") from error


def _long_name(tar: BinaryIO, at: int, size: int) -> str:
    if size > NAME_LIMIT + 1:
        raise _refused("packages-name", f"has a name longer than {NAME_LIMIT} bytes")
    tar.seek(at)
    try:
        return tar.read(size).rstrip(b"\0").decode()
    except UnicodeDecodeError as error:
        raise _refused("packages-name", "has a name that is no UTF-8") from error


def _checked(text: str) -> str:
    name = text.removesuffix("/")
    parts = name.split("/")
    if (
        not name.isprintable()
        or "\\" in name
        or any(part in {"", ".", ".."} or part.startswith(_WHITEOUT) for part in parts)
    ):
        raise _refused("packages-name", f"has the name {text!r:.120}, which is no relative path")
    if len(name.encode()) > NAME_LIMIT:
        raise _refused(
            "packages-name", f"has the name {name!r:.60}…, longer than {NAME_LIMIT} bytes"
        )
    return name


def _no_file_in_a_file(found: dict[str, Entry]) -> None:
    for name in found:
        parent = name.rpartition("/")[0]
        while parent:
            if parent in found:
                raise _refused("packages-name", f"has {parent!r} both as a file and as a folder")
            parent = parent.rpartition("/")[0]


def _refused(code: str, message: str) -> InvalidError:
    return InvalidError.at(Finding(code, f"what was built {message}", _PATH))


def _too_large(unit: str, value: int, limit: int) -> TooLargeError:
    finding = Finding(
        f"packages-{unit}",
        f"the packages have {value} {unit} or more; at most {limit} pass",
        _PATH,
        limit=limit,
        value=value,
        passes=limit,
    )
    return TooLargeError(finding.sentence, findings=[finding])
