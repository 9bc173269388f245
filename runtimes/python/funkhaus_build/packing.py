"""The installed packages as one plain tar: files and folders, sorted, without links."""

from __future__ import annotations

import hashlib
import hmac
import os
import tarfile
from typing import TYPE_CHECKING

from funkhaus_build.installing import BuildError

if TYPE_CHECKING:
    from pathlib import Path

CHUNK = 1024 * 1024


def pack(root: Path, target: Path, *, bytes_limit: int, files_limit: int) -> None:
    """Write everything below `root` into `target`; raises `BuildError` over a limit or for what is no file."""
    paths = sorted(
        os.path.relpath(os.path.join(folder, name), root)  # noqa: PTH118 - many paths, as text
        for folder, folders, files in os.walk(root)
        for name in (*folders, *files)
    )
    files = [path for path in paths if not (root / path).is_dir()]
    if len(files) > files_limit:
        raise BuildError(
            f"the packages have {len(files)} files; at most {files_limit} pass: leave packages out"
        )
    total = sum((root / path).lstat().st_size for path in files)
    if total > bytes_limit:
        raise BuildError(
            f"the packages have {total} bytes; at most {bytes_limit} pass: leave packages out"
        )
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as archive:
        for path in paths:
            _add(archive, root, path)


def _add(archive: tarfile.TarFile, root: Path, path: str) -> None:
    file = root / path
    entry = tarfile.TarInfo(path)
    if file.is_symlink():
        raise BuildError(f"the packages have a link, {path}; files and folders pass")
    if file.is_dir():
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(entry)
        return
    found = file.stat()
    entry.size, entry.mode = found.st_size, 0o755 if found.st_mode & 0o100 else 0o644
    with file.open("rb") as content:
        archive.addfile(entry, content)


def keyed_digest(file: Path, secret: str) -> str:
    """HMAC-SHA-256 of a file, in hex."""
    digest = hmac.new(secret.encode(), digestmod=hashlib.sha256)
    with file.open("rb") as content:
        while chunk := content.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
