"""Uploaded source archives: zip or gzipped tar, opened in memory and within bounds, whatever they claim about themselves.

Only regular files come out. A name that would land elsewhere, a link, a device, a bomb or a duplicate is refused by name.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zipfile
import zlib
from typing import TYPE_CHECKING

from funkhaus.domain import packages
from funkhaus.domain.errors import InvalidError, TooLargeError
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ARCHIVE_LIMIT = 32 * 1024 * 1024
"""Bytes of an archive as uploaded."""
UNPACKED_LIMIT = 128 * 1024 * 1024
"""Bytes of all files in it together."""
FILES_LIMIT = 5_000
NAME_LIMIT = 200
"""Bytes of a path in UTF-8."""
_TAR_OVERHEAD = FILES_LIMIT * 4 * tarfile.BLOCKSIZE
_GZIP, _ZIP = b"\x1f\x8b", b"PK"
_PATH = "spec.source.archive"
_ENCRYPTED = 0x1


def sources_repository(tenant: str, namespace: str) -> str:
    """The registry's repository for what is uploaded into a tenant's namespace: nobody else's archives are found there."""
    return f"sources/{tenant}/{namespace}"


def image_repository(tenant: str, namespace: str, function: str) -> str:
    """The registry's repository for a function's images."""
    return f"functions/{tenant}/{namespace}/{function}"


def repositories_of(tenant: str) -> tuple[str, ...]:
    """The registry's repositories of a tenant: these, and what is below them."""
    return (f"functions/{tenant}", f"sources/{tenant}", packages.repository(tenant))


def digest_of(content: bytes) -> str:
    """``sha256:…`` of an archive: what it is stored by."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def unpack(content: bytes) -> dict[str, bytes]:
    """Path to content of every file in the archive.

    Raises `InvalidError` (not an archive, a name or an entry that has no business there) or `TooLargeError`.
    """
    if len(content) > ARCHIVE_LIMIT:
        raise _too_large("archive-too-large", "the archive", len(content), ARCHIVE_LIMIT, "bytes")
    if content.startswith(_GZIP):
        entries = _tar(content)
    elif content.startswith(_ZIP):
        entries = _zip(content)
    else:
        raise _refused(
            "archive-format", "is neither a zip nor a gzipped tar", passes=["zip", "tar.gz"]
        )
    files: dict[str, bytes] = {}
    total = 0
    try:
        for name, data in entries:
            _add(files, name, data)
            total += len(data)
            if len(files) > FILES_LIMIT:
                raise _too_large("archive-files", "the archive", len(files), FILES_LIMIT, "files")
            if total > UNPACKED_LIMIT:
                raise _too_large(
                    "archive-unpacked", "the unpacked archive", total, UNPACKED_LIMIT, "bytes"
                )
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        ValueError,
    ) as error:
        raise _refused("archive-broken", f"can't be read: {error}") from error
    except NotImplementedError as error:
        raise _refused("archive-format", f"is packed in an unknown way: {error}") from error
    if not files:
        raise _refused("archive-empty", "holds no file")
    check_tree(files)
    return files


def within(files: Mapping[str, bytes], folder: str) -> dict[str, bytes]:
    """The files below a folder, named from there; raises `InvalidError` where there is none."""
    if not folder:
        return dict(files)
    start = f"{folder}/"
    found = {
        name.removeprefix(start): content
        for name, content in files.items()
        if name.startswith(start)
    }
    if not found:
        tops = sorted({name.partition("/")[0] for name in files})[:5]
        raise _refused("archive-path", f"has no folder {folder!r}; it has {', '.join(tops)}", tops)
    return found


def check_tree(files: Mapping[str, object]) -> None:
    """Refuse a file that would have to be a folder as well; raises `InvalidError`."""
    for name in files:
        parent = name.rpartition("/")[0]
        while parent:
            if parent in files:
                raise _refused("archive-name", f"has {parent!r} both as a file and as a folder")
            parent = parent.rpartition("/")[0]


def _add(files: dict[str, bytes], name: str, data: bytes) -> None:
    path = name.removeprefix("./")
    parts = path.split("/")
    if (
        not path
        or "\\" in path
        or ":" in parts[0]
        or not path.isprintable()
        or any(part in {"", ".", ".."} for part in parts)
    ):
        raise _refused("archive-name", f"has the name {name!r:.120}, which is no relative path")
    if len(path.encode()) > NAME_LIMIT:
        raise _refused(
            "archive-name", f"has the name {name!r:.60}…, longer than {NAME_LIMIT} bytes"
        )
    if path in files:
        raise _refused("archive-name", f"has {path!r} twice")
    files[path] = data


def _zip(content: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        left = UNPACKED_LIMIT
        for info in archive.infolist():
            if info.is_dir():
                continue
            kind = (info.external_attr >> 16) & 0o170000
            if kind not in {0, 0o100000}:
                raise _refused(
                    "archive-entry", f"has {info.filename!r:.120}, which is no regular file"
                )
            if info.flag_bits & _ENCRYPTED:
                raise _refused("archive-entry", f"has {info.filename!r:.120} encrypted")
            with archive.open(info) as file:
                data = file.read(left + 1)
            left -= len(data)
            yield info.filename, data  # one byte too many is noticed by who sums up
            if left < 0:
                return


def _tar(content: bytes) -> Iterator[tuple[str, bytes]]:
    stream = _Bounded(gzip.GzipFile(fileobj=io.BytesIO(content)))
    with tarfile.open(fileobj=stream, mode="r|") as archive:  # type: ignore[call-overload]  # read(n) is all it needs
        for member in archive:
            if member.isdir():
                continue
            if not member.isreg():
                raise _refused(
                    "archive-entry", f"has {member.name!r:.120}, which is no regular file"
                )
            file = archive.extractfile(member)
            yield member.name, file.read() if file else b""


class _Bounded:
    """A stream that gives up before a bomb has gone off."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream = stream
        self._left = UNPACKED_LIMIT + _TAR_OVERHEAD

    def read(self, size: int) -> bytes:
        """At most `size` bytes, of a total that is bounded."""
        data = self._stream.read(min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise _too_large(
                "archive-unpacked", "the unpacked archive", "more", UNPACKED_LIMIT, "bytes"
            )
        return data


def _refused(code: str, message: str, passes: object = None) -> InvalidError:
    return InvalidError.at(Finding(code, f"the archive {message}", _PATH, passes=passes))


def _too_large(code: str, what: str, value: int | str, limit: int, unit: str) -> TooLargeError:
    finding = Finding(
        code,
        f"{what} has {value} {unit}; at most {limit} pass",
        _PATH,
        limit=limit,
        value=value,
        passes=limit,
    )
    return TooLargeError(finding.sentence, findings=[finding])
