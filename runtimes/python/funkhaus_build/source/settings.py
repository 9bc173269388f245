"""What a fetch is told, in its environment; the platform writes all of it (`funkhaus.manifests.build`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Settings:
    """One fetch."""

    url: str
    secret: str
    """Keys the digest that shows whose result it is."""
    sha256: str = ""
    """Of what is at `url`, hexadecimal."""
    ref: str = ""
    """Branch, tag or commit, where `url` is a repository; empty where it is an archive."""
    path: str = ""
    """Folder of a repository; empty: all of it."""
    networks: str = ""
    """What may be connected to: CIDRs with spaces between, each with what is left out of it: ``0.0.0.0/0!10.0.0.0/8``."""
    ports: str = "443"
    """With spaces between."""
    ca: str = ""
    """PEM certificates that vouch for hosts; empty: those the image trusts."""
    bytes_limit: int = 32 * 1024 * 1024
    unpacked_limit: int = 128 * 1024 * 1024
    files_limit: int = 5_000
    patience: float = 300.0
    """Seconds the result waits to be taken."""
    host: str = "0.0.0.0"  # noqa: S104 - a container listens on its pod's address
    port: int = 8080
    work: Path = Path("/work")
    """A folder of the build's own, empty."""
    termination_log: Path = Path("/dev/termination-log")


def read(environ: Mapping[str, str]) -> Settings:
    """Settings from environment variables; raises `KeyError` and `ValueError`."""
    given = {
        name: kind(environ[variable])
        for name, (variable, kind) in _OPTIONAL.items()
        if variable in environ
    }
    return Settings(
        url=environ["FUNKHAUS_BUILD_SOURCE_URL"], secret=environ["FUNKHAUS_BUILD_SECRET"], **given
    )


_OPTIONAL = {
    "sha256": ("FUNKHAUS_BUILD_SOURCE_SHA256", str),
    "ref": ("FUNKHAUS_BUILD_SOURCE_REF", str),
    "path": ("FUNKHAUS_BUILD_SOURCE_PATH", str),
    "unpacked_limit": ("FUNKHAUS_BUILD_UNPACKED_LIMIT", int),
    "files_limit": ("FUNKHAUS_BUILD_FILES_LIMIT", int),
    "networks": ("FUNKHAUS_BUILD_SOURCE_NETWORKS", str),
    "ports": ("FUNKHAUS_BUILD_SOURCE_PORTS", str),
    "ca": ("FUNKHAUS_BUILD_SOURCE_CA", str),
    "bytes_limit": ("FUNKHAUS_BUILD_BYTES_LIMIT", int),
    "patience": ("FUNKHAUS_BUILD_PATIENCE", float),
    "host": ("FUNKHAUS_BUILD_HOST", str),
    "port": ("FUNKHAUS_BUILD_PORT", int),
    "work": ("FUNKHAUS_BUILD_WORK", Path),
    "termination_log": ("FUNKHAUS_BUILD_TERMINATION_LOG", Path),
}
