"""One local cluster per machine: bridge, rules and cgroup have one name each, so whose they are is written down."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from funkhaus_cluster import atomic, processes, records
from funkhaus_cluster.errors import ClusterError

if TYPE_CHECKING:
    from funkhaus_cluster.settings import Settings

FILE = Path("/run/funkhaus-local-cluster")


def other(settings: Settings, file: Path = FILE) -> Path | None:
    """The state folder of another cluster that runs on this machine; None when there is none."""
    try:
        holder = Path(file.read_text().strip())
    except OSError:
        return None
    if holder == settings.state:
        return None
    run = holder / "run"
    running = (records.load(run, name) for name in records.names(run))
    alive = any(record is not None and processes.alive(record.identity) for record in running)
    return holder if alive else None


def take(settings: Settings, file: Path = FILE) -> None:
    """Say that the machine's cluster is the one of this state folder. Raises ``ClusterError`` while another's runs."""
    holder = other(settings, file)
    if holder is not None:
        raise ClusterError(
            f"a cluster with its state in {holder} runs on this machine, which can have but one: "
            f"stop it first (FUNKHAUS_STATE={holder} make down)."
        )
    atomic.write(file, f"{settings.state}\n")


def release(file: Path = FILE) -> None:
    """Say that the machine has no cluster."""
    file.unlink(missing_ok=True)
