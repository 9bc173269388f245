"""Layers: a folder as a tar archive that is the same, byte for byte, whoever packs it and when."""

from __future__ import annotations

import fnmatch
import gzip
import hashlib
import os
import re
import stat
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

COMPRESSION_LEVEL = 6
PERMISSIONS = 0o777
STICKY = stat.S_ISVTX


@dataclass(frozen=True)
class Layer:
    """A packed layer."""

    digest: str
    """``sha256:…`` of the compressed archive, the name of its blob."""
    diff_id: str
    """``sha256:…`` of the archive before compression, which an image's configuration lists."""
    size: int
    """Bytes of the compressed archive."""


def pack(
    root: Path,
    target: BinaryIO,
    *,
    epoch: int,
    owner: tuple[int, int] | None = None,
    drop: Sequence[str] = (),
    keep: Sequence[str] = (),
) -> Layer:
    """Write everything below ``root`` to ``target`` as a compressed layer.

    Entries are sorted; no file is dated after ``epoch``; names of owners, set-user-id bits, sockets and devices are
    left out. ``owner`` (user id, group id) replaces every owner. Paths matching ``drop`` and not ``keep`` are left
    out; the folders above a kept path stay.
    """
    compressed = _Counted(target)
    with gzip.GzipFile(
        "", "wb", COMPRESSION_LEVEL, cast("BinaryIO", compressed), mtime=0
    ) as packed:
        plain = _Counted(cast("BinaryIO", packed))
        with tarfile.open(
            fileobj=cast("BinaryIO", plain), mode="w", format=tarfile.PAX_FORMAT
        ) as archive:
            links: dict[tuple[int, int], str] = {}
            for path in selected(root, drop, keep):
                _add(archive, root, path, links, epoch=epoch, owner=owner)
    return Layer(digest=compressed.digest, diff_id=plain.digest, size=compressed.size)


def selected(root: Path, drop: Sequence[str] = (), keep: Sequence[str] = ()) -> list[str]:
    """Paths below ``root``, relative and sorted, that ``drop`` and ``keep`` let into a layer."""
    dropped, kept = _matcher(drop), _matcher(keep)
    chosen: set[str] = set()
    for path in _walk(root):
        if dropped.match(path) and not kept.match(path):
            continue
        chosen.add(path)
        chosen.update(str(parent) for parent in Path(path).parents if str(parent) != ".")
    return sorted(chosen)


def _walk(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            yield os.path.relpath(os.path.join(folder, name), root)  # noqa: PTH118 - 10 000 paths, as text


def _matcher(patterns: Sequence[str]) -> re.Pattern[str]:
    # Without patterns: an expression that matches nothing.
    return re.compile("|".join(fnmatch.translate(pattern) for pattern in patterns) or r"(?!)")


def _add(
    archive: tarfile.TarFile,
    root: Path,
    path: str,
    links: dict[tuple[int, int], str],
    *,
    epoch: int,
    owner: tuple[int, int] | None,
) -> None:
    file = root / path
    found = file.lstat()
    entry = tarfile.TarInfo(path)
    entry.mtime = min(int(found.st_mtime), epoch)
    entry.uid, entry.gid = owner or (found.st_uid, found.st_gid)
    entry.mode = found.st_mode & PERMISSIONS
    if stat.S_ISDIR(found.st_mode):
        entry.type = tarfile.DIRTYPE
        entry.mode |= found.st_mode & STICKY
        # A folder's date says when it was filled, which is now.
        entry.mtime = epoch
    elif stat.S_ISLNK(found.st_mode):
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, str(file.readlink()), PERMISSIONS
        entry.mtime = epoch
    elif stat.S_ISREG(found.st_mode):
        first = links.setdefault((found.st_dev, found.st_ino), path)
        if first != path:
            entry.type, entry.linkname = tarfile.LNKTYPE, first
        else:
            entry.size = found.st_size
            with file.open("rb") as content:
                archive.addfile(entry, content)
            return
    else:
        return
    archive.addfile(entry)


class _Counted:
    """Passes writes on, counting and hashing them."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._sha256 = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self._sha256.update(data)
        self.size += len(data)
        return self._target.write(data)

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        self._target.flush()

    @property
    def digest(self) -> str:
        return f"sha256:{self._sha256.hexdigest()}"
