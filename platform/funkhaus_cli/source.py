"""What `--from-file` names, read: files, directories and archives become one set of files.

Nothing is judged here. A set that is small and all text travels inside the Function; any other becomes an archive with
the same bytes for the same content.
"""

from __future__ import annotations

import fnmatch
import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from funkhaus.domain.archive import FILES_LIMIT, UNPACKED_LIMIT
from funkhaus.domain.function import INLINE_FILES_LIMIT, INLINE_LIMIT
from funkhaus_cli import archive
from funkhaus_cli.failure import Exit, Failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SIZE_LIMIT = UNPACKED_LIMIT
"""Bytes of all files together that are read at all."""
IGNORE_FILE = ".funkhausignore"
STDIN = "-"
_LEFT_OUT = {"__pycache__", "node_modules", "venv"}
"""Directories nobody means to ship; hidden ones are left out as well."""


@dataclass(frozen=True)
class Bundle:
    """The files of a function: relative path with ``/`` to content."""

    files: dict[str, bytes]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(map(len, self.files.values()))

    def inline(self) -> dict[str, str] | None:
        """The files as texts, or ``None`` when they are too many, too large or no texts."""
        if self.size > INLINE_LIMIT or len(self.files) > INLINE_FILES_LIMIT:
            return None
        try:
            texts = {name: content.decode() for name, content in self.files.items()}
        except UnicodeDecodeError:
            return None
        return None if any("\0" in text for text in texts.values()) else texts


def read(paths: Sequence[str], *, stdin: bytes = b"", stdin_name: str = "") -> Bundle:
    """The files that `paths` name; ``-`` is `stdin` under `stdin_name`. Raises `Failure` (usage) that names the path."""
    files: dict[str, bytes] = {}
    origins: dict[str, str] = {}
    size = 0
    for path in paths:
        for name, content in _named(path, stdin, stdin_name):
            if name in files and path != origins[name]:
                raise _wrong(
                    f"--from-file {path} and {origins[name]} both hold {name}; each file needs a name of its own"
                )
            files[name], origins[name] = content, path
            size += len(content)
            if size > SIZE_LIMIT:
                raise _too_large(files)
            if len(files) > FILES_LIMIT:
                raise _too_many("--from-file")
    if not files:
        raise _wrong(f"--from-file {', '.join(paths)} holds no file; hidden files are left out")
    return Bundle(dict(sorted(files.items())))


def _named(path: str, stdin: bytes, stdin_name: str) -> Iterator[tuple[str, bytes]]:
    if path == STDIN:
        yield stdin_name, stdin
        return
    if "://" in path:
        raise _wrong(
            f"--from-file {path}: a URL is no file; --from-url has the platform fetch it, curl -fLO downloads it"
        )
    local = Path(path)
    try:
        mode = local.stat().st_mode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _wrong(f"--from-file {path}: {reason}{_near(local)}") from error
    if stat.S_ISDIR(mode):
        yield from _tree(local)
    elif not stat.S_ISREG(mode):
        raise _wrong(
            f"--from-file {path}: not a file or directory; use `-` to read one from a pipe"
        )
    elif archive.is_archive(path):
        yield from archive.unpack(local).items()
    else:
        yield local.name, _content(local)


def _near(path: Path) -> str:
    """Files beside a missing one that have its name with another ending or case."""
    try:
        beside = sorted(item.name for item in path.parent.iterdir() if item.is_file())
    except OSError:
        return ""
    near = [name for name in beside if Path(name).stem.lower() == path.stem.lower()]
    return f"; there is {', '.join(near[:3])}" if near else ""


def _tree(root: Path) -> Iterator[tuple[str, bytes]]:
    patterns = _ignored(root)
    count = 0
    for folder, folders, names in os.walk(root, followlinks=False):
        here = Path(folder).relative_to(root)
        folders[:] = sorted(
            name
            for name in folders
            if not _left_out(here / name, patterns) and name not in _LEFT_OUT
        )
        for name in sorted(names):
            relative = here / name
            if _left_out(relative, patterns) or name.endswith(".pyc"):
                continue
            count += 1
            if count > FILES_LIMIT:
                raise _too_many(str(root))
            yield relative.as_posix(), _content(_inside(root, relative))


def _inside(root: Path, relative: Path) -> Path:
    """The file itself where a link stays inside the directory; raises `Failure` where it leads out."""
    path = root / relative
    if not path.is_symlink():
        return path
    target = path.resolve()
    if not target.is_relative_to(root.resolve()):
        raise _wrong(
            f"{path} is a link to {target}, outside the directory; copy the file, or name it in {IGNORE_FILE}"
        )
    return target


def _ignored(root: Path) -> list[str]:
    """Patterns of the ignore file: one per line, matched against the path and every part of it."""
    try:
        lines = (root / IGNORE_FILE).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(f"{root / IGNORE_FILE} can't be read") from error
    return [line.strip().rstrip("/") for line in lines if line.strip() and line[0] != "#"]


def _left_out(relative: Path, patterns: list[str]) -> bool:
    if relative.name.startswith("."):
        return True
    names = (relative.as_posix(), relative.name)
    return any(fnmatch.fnmatchcase(name, pattern) for name in names for pattern in patterns)


def _content(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise _wrong(f"{path} is not a regular file; name it in {IGNORE_FILE} to leave it out")
        with path.open("rb") as file:
            content = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise _wrong(f"{path} can't be read: {error.strerror}") from error
    return content


def _too_large(files: dict[str, bytes]) -> Failure:
    largest = max(files, key=lambda name: len(files[name]))
    return _wrong(
        f"the source has more than {SIZE_LIMIT // 2**20} MiB, {largest} alone has "
        f"{len(files[largest]) / 2**20:.1f}; leave files out by {IGNORE_FILE}"
    )


def _too_many(where: str) -> Failure:
    return _wrong(f"{where} holds more than {FILES_LIMIT} files; leave some out by {IGNORE_FILE}")


def _wrong(sentence: str) -> Failure:
    return Failure(sentence, Exit.USAGE)


def modules(bundle: Bundle) -> list[str]:
    """Module names a handler could start with: every code file's path with dots and without its ending."""
    found = set()
    for name in bundle.files:
        path = PurePosixPath(name)
        if path.suffix and path.suffix not in {
            ".txt",
            ".json",
            ".md",
            ".toml",
            ".yaml",
            ".yml",
            ".cfg",
        }:
            whole = path.with_suffix("").as_posix().replace("/", ".")
            found.add(whole.removesuffix(".__init__"))
    return sorted(found)
