"""Archives: what a user has, opened with suspicion; and ours, with the same bytes for the same files."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import zipfile
import zlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from funkhaus_cli.failure import Exit, Failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_ZIP = (".zip",)
_TAR = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_EPOCH = 315532800
"""1980-01-01, the first instant a zip can hold: every file is that old."""


def is_archive(name: str) -> bool:
    """Whether the name says so."""
    return name.lower().endswith((*_ZIP, *_TAR))


def unpack(path: Path, size_limit: int, files_limit: int) -> Iterator[tuple[str, bytes]]:
    """The files of an archive, name and content; directories are implied.

    Raises `Failure` (usage) for links, devices, names that leave the archive, encryption, more than `files_limit`
    entries, or more than `size_limit` bytes whatever the headers promise.
    """
    reader = _zip if path.name.lower().endswith(_ZIP) else _tar
    left = size_limit
    try:
        for count, (name, content) in enumerate(reader(path, size_limit), 1):
            left -= len(content)
            if left < 0:
                raise _wrong(path, f"unpacks to more than {size_limit // 2**20} MiB")
            if count > files_limit:
                raise _wrong(path, f"holds more than {files_limit} files")
            yield _safe(path, name), content
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        zlib.error,
        EOFError,
        NotImplementedError,
    ) as error:
        raise _wrong(path, f"is no archive that can be opened: {error}") from error
    except OSError as error:
        raise _wrong(path, f"can't be read: {error.strerror or error}") from error


def _zip(path: Path, limit: int) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as bundle:
        for entry in bundle.infolist():
            if entry.is_dir():
                continue
            if entry.flag_bits & 1:
                raise _wrong(path, f"{entry.filename} is encrypted")
            mode = entry.external_attr >> 16
            if stat.S_IFMT(mode) not in {0, stat.S_IFREG}:
                raise _wrong(path, f"{entry.filename} is a link or device, not a file")
            with bundle.open(entry) as file:
                yield entry.filename, file.read(limit + 1)


def _tar(path: Path, limit: int) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path, "r:*") as bundle:
        for entry in bundle:
            if entry.isdir():
                continue
            if not entry.isreg():
                raise _wrong(path, f"{entry.name} is a link or device, not a file")
            file = bundle.extractfile(entry)
            yield entry.name, file.read(limit + 1) if file else b""


def _safe(path: Path, name: str) -> str:
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\\" in name or "\0" in name:
        raise _wrong(path, f"{name!r} leads out of the archive")
    return PurePosixPath(*parts).as_posix()


def _wrong(path: Path, sentence: str) -> Failure:
    return Failure(f"--from-file {path}: {sentence}", Exit.USAGE)


def pack(files: Mapping[str, bytes]) -> bytes:
    """A gzip'd tar whose bytes follow from the files alone: sorted, one age, one owner, one mode."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as bundle:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(files[name]), _EPOCH, 0o644
            bundle.addfile(entry, io.BytesIO(files[name]))
    return gzip.compress(plain.getvalue(), mtime=0)
