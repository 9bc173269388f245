"""The Python layers: locked wheels unpacked into the image's site folder, and source trees put beside them, compiled."""

from __future__ import annotations

import compileall
import os
import shutil
import sys
from py_compile import PycInvalidationMode
from typing import TYPE_CHECKING

from funkhaus_cluster.errors import ClusterError
from funkhaus_cluster.images.recipe import source_files

if TYPE_CHECKING:
    from pathlib import Path

    from funkhaus_cluster.commands import Commands
    from funkhaus_cluster.images.recipe import Site

SECONDS = 600.0
# What a running function never reads of an installed package.
UNUSED = ("bin", "**/tests", "**/*.pyi", "**/*.pyx", "**/*.pxd", "**/*.c", "**/*.h")


def install(
    site: Site, lock: Path, root: Path, *, machine: str, commands: Commands, log: Path
) -> None:
    """Unpack the wheels that ``lock`` names, checked against its hashes, into the file system ``root``; compile them.

    Raises ``ClusterError`` on another Python than the image's, ``CommandError`` when pip fails.
    """
    target = root / site.path
    target.mkdir(parents=True)
    commands.run(arguments(site, lock, target, machine=machine), log=log, seconds=SECONDS)
    for pattern in UNUSED:
        for path in list(target.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    compile_tree(site, root)


def arguments(site: Site, lock: Path, target: Path, *, machine: str) -> list[str | Path]:
    """Pip's command line. Wheels are chosen for the image's Python and C library, whatever this machine's are."""
    tag = site.python.replace(".", "")
    return [
        sys.executable, "-m", "pip", "install",
        "--target", target,
        "--requirement", lock,
        "--require-hashes", "--no-deps", "--only-binary", ":all:",
        "--no-compile", "--no-input", "--disable-pip-version-check", "--root-user-action", "ignore",
        "--implementation", "cp", "--python-version", site.python,
        "--abi", f"cp{tag}", "--abi", "abi3", "--abi", "none",
        *(word for version in site.glibc for word in ("--platform", f"manylinux_{version}_{machine}")),
        "--platform", f"manylinux2014_{machine}",
    ]  # fmt: skip


def place_source(site: Site, package: Path, root: Path) -> None:
    """Copy the source tree ``package`` into the site folder of ``root`` and compile it."""
    target = root / site.path / package.name
    for file in source_files(package):
        copy = target / file.relative_to(package)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
        copy.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)
    compile_tree(site, root)


def compile_tree(site: Site, root: Path) -> None:
    """Compile what lies below ``root``'s site folder, as if it lay below ``/``.

    The compiled files are trusted without a look at their source, and are the same wherever they were made.
    """
    if f"{sys.version_info.major}.{sys.version_info.minor}" != site.python:
        raise ClusterError(
            f"the image's Python is {site.python}, and this is {sys.version.split()[0]}: "
            f"run this tool with python{site.python}, so that it can compile for it."
        )
    done = compileall.compile_dir(
        root / site.path,
        maxlevels=64,
        quiet=2,
        force=True,
        stripdir=os.fspath(root),
        prependdir="/",
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )
    if not done:
        raise ClusterError(f"a Python file below {root / site.path} cannot be compiled.")
