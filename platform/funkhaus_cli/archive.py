"""Archives: what a user has, opened by the platform's own rules; and ours, with the same bytes for the same files."""

from __future__ import annotations

import gzip
import io
import tarfile
from typing import TYPE_CHECKING

from funkhaus.domain import archive
from funkhaus.domain.errors import FunkhausError
from funkhaus_cli.failure import Exit, Failure

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_OPENED = (".zip", ".tar.gz", ".tgz")
_OTHER = (".tar", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz", ".tar.zst", ".7z", ".rar")
_EPOCH = 315532800
"""1980-01-01: every file is that old."""


def is_archive(name: str) -> bool:
    """Whether the name says so."""
    return name.lower().endswith((*_OPENED, *_OTHER))


def unpack(path: Path) -> dict[str, bytes]:
    """Path to content of every file in an archive.

    Raises `Failure` (usage) for another format and for whatever has no business in one: links, names that lead out, bombs.
    """
    if not path.name.lower().endswith(_OPENED):
        raise Failure(f"--from-file {path}: {', '.join(_OPENED)} and directories pass", Exit.USAGE)
    try:
        with path.open("rb") as file:
            content = file.read(archive.ARCHIVE_LIMIT + 1)
        return archive.unpack(content)
    except OSError as error:
        raise Failure(f"--from-file {path} can't be read: {error.strerror}", Exit.USAGE) from error
    except FunkhausError as error:
        said = "; ".join(finding.message for finding in error.findings) or error.message
        raise Failure(f"--from-file {path}: {said}", Exit.USAGE) from error


def pack(files: Mapping[str, bytes]) -> bytes:
    """A gzip'd tar whose bytes follow from the files alone: sorted, one age, one owner, one mode.

    Raises `Failure` (usage) when it is larger than an upload may be.
    """
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as bundle:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(files[name]), _EPOCH, 0o644
            bundle.addfile(entry, io.BytesIO(files[name]))
    content = gzip.compress(plain.getvalue(), mtime=0)
    if len(content) > archive.ARCHIVE_LIMIT:
        raise Failure(
            f"the source has {len(content) / 2**20:.1f} MiB packed; {archive.ARCHIVE_LIMIT // 2**20} MiB pass",
            Exit.USAGE,
            hint="leave out what the function does not need: .funkhausignore",
        )
    return content
