"""A layer of packages: what a build left, checked and written anew. The same packages are the same bytes."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
from typing import TYPE_CHECKING, cast

from funkhaus.domain import packages
from funkhaus.domain.packages import PackagesLayer

if TYPE_CHECKING:
    from typing import BinaryIO

ROOT = "packages"
LEVEL = 1
"""Of compression: packages are pulled rarely and pushed once, while a build waits."""
_FOLDER_MODE, _FILE_MODE, _PROGRAM_MODE = 0o555, 0o444, 0o555


def write_layer(tar: BinaryIO, target: BinaryIO, repository: str) -> PackagesLayer:
    """Write the layer of a build's result below ``/packages``: root's, nobody's to write, at the beginning of time.

    Raises `InvalidError` and `TooLargeError`, as `funkhaus.domain.packages.index` does.
    """
    entries = packages.index(tar)
    compressed = _Counted(target)
    with gzip.GzipFile("", "wb", LEVEL, cast("BinaryIO", compressed), mtime=0) as packed:
        plain = _Counted(cast("BinaryIO", packed))
        with tarfile.open(
            fileobj=cast("BinaryIO", plain), mode="w", format=tarfile.PAX_FORMAT
        ) as archive:
            for folder in ("", *packages.folders(entries)):
                info = tarfile.TarInfo(f"{ROOT}/{folder}".rstrip("/"))
                info.type, info.mode = tarfile.DIRTYPE, _FOLDER_MODE
                archive.addfile(info)
            for entry in entries:
                info = tarfile.TarInfo(f"{ROOT}/{entry.name}")
                info.size = entry.size
                info.mode = _PROGRAM_MODE if entry.executable else _FILE_MODE
                tar.seek(entry.offset)
                archive.addfile(info, tar)
    return PackagesLayer(repository, compressed.digest, plain.digest, compressed.size)


class _Counted:
    """Passes writes on, counting and hashing them."""

    def __init__(self, target: BinaryIO) -> None:
        self._target, self._sha256 = target, hashlib.sha256()
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
