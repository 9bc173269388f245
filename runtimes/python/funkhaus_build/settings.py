"""What a build is told, in its environment; the platform writes all of it (`funkhaus.manifests.build`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Settings:
    """One build. Limits are of what is installed; whoever fetches has the same ones and the last word."""

    requirements: str
    """Content of a requirements file."""
    index_url: str
    secret: str
    """Keys the digest that shows whose result it is."""
    index_ca: str = ""
    """PEM certificates that vouch for the index."""
    bytes_limit: int = 256 * 1024 * 1024
    files_limit: int = 20_000
    patience: float = 300.0
    """Seconds the result waits to be fetched."""
    host: str = "0.0.0.0"  # noqa: S104 - a container listens on its pod's address
    port: int = 8080
    work: Path = Path("/work")
    """A folder of the build's own, empty."""
    termination_log: Path = Path("/dev/termination-log")


def read(environ: Mapping[str, str]) -> Settings:
    """Settings from environment variables; raises `KeyError` and `ValueError`."""
    prefix = "FUNKHAUS_BUILD_"
    given = {
        name: kind(environ[variable])
        for name, kind in _OPTIONAL.items()
        if (variable := prefix + name.upper()) in environ
    }
    return Settings(
        requirements=environ[f"{prefix}REQUIREMENTS"],
        index_url=environ[f"{prefix}INDEX_URL"],
        secret=environ[f"{prefix}SECRET"],
        **given,
    )


_OPTIONAL = {
    "index_ca": str,
    "bytes_limit": int,
    "files_limit": int,
    "patience": float,
    "host": str,
    "port": int,
    "work": Path,
    "termination_log": Path,
}
