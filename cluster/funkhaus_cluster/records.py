"""What was started, written down: one JSON file per part below ``run/``."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from funkhaus_cluster import atomic
from funkhaus_cluster.processes import Identity

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Record:
    """One started part."""

    name: str
    identity: Identity
    fingerprint: str
    """Digest of what it was started with: another one means it must be restarted."""
    since: float
    """Seconds since the epoch when it was started."""


def save(folder: Path, record: Record) -> None:
    """Write ``record``, whole or not at all."""
    atomic.write(folder / f"{record.name}.json", json.dumps(asdict(record)) + "\n", mode=0o600)


def load(folder: Path, name: str) -> Record | None:
    """The record of ``name``; None when there is none or it cannot be understood."""
    try:
        content = json.loads((folder / f"{name}.json").read_text())
        return Record(
            name=content["name"],
            identity=Identity(**content["identity"]),
            fingerprint=content["fingerprint"],
            since=float(content["since"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def names(folder: Path) -> list[str]:
    """Every part that has a record."""
    return sorted(path.stem for path in folder.glob("*.json"))


def drop(folder: Path, name: str) -> None:
    """Forget ``name``."""
    (folder / f"{name}.json").unlink(missing_ok=True)
