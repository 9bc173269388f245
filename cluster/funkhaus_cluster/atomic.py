"""Writes that are whole or absent, however a run ends, and locks that die with their holder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from funkhaus_cluster.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def write(path: Path, content: str | bytes, *, mode: int = 0o644) -> bool:
    """Write ``path`` by renaming a finished file over it; return whether the content changed."""
    raw = content.encode() if isinstance(content, str) else content
    with contextlib.suppress(FileNotFoundError):
        if path.read_bytes() == raw and path.stat().st_mode & 0o777 == mode:
            return False
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            os.fchmod(file.fileno(), mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return True


def link(path: Path, target: Path) -> None:
    """Point the symbolic link ``path`` at ``target``, replacing what was there in one move."""
    if path.is_symlink() and path.readlink() == target:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(path)


@contextlib.contextmanager
def folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``path`` that becomes ``path`` when the block ends well.

    A run that is killed leaves only a ``.tmp-`` folder, which ``sweep`` removes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=".tmp-"))
    temporary.chmod(0o755)
    try:
        yield temporary
        if path.exists():
            shutil.rmtree(path)
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sweep(parent: Path) -> None:
    """Remove what killed runs left half-made below ``parent``. Call with the lock held."""
    for leftover in parent.glob("**/.tmp-*"):
        shutil.rmtree(leftover, ignore_errors=True)


@contextlib.contextmanager
def lock(path: Path, *, seconds: float, waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold an exclusive lock on ``path``; the kernel releases it when this process ends.

    ``waiting`` is called once with the holder's pid when the lock is taken. Raises ``ClusterError`` after ``seconds``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        deadline = time.monotonic() + seconds
        told = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip() or "unknown"
                if not told:
                    waiting(holder)
                    told = True
                if time.monotonic() > deadline:
                    raise ClusterError(
                        f"another run (process {holder}) still holds {path} after {seconds:.0f} s: "
                        "wait for it or end it, then try again."
                    ) from None
                time.sleep(0.2)
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
