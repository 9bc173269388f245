"""What every step is given: settings, versions, and the means to run programs and report."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from funkhaus_cluster import settings as settings_module
from funkhaus_cluster import versions as versions_module
from funkhaus_cluster.commands import Commands
from funkhaus_cluster.parts import PartRunner
from funkhaus_cluster.pki import Pki
from funkhaus_cluster.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from funkhaus_cluster.settings import Settings
    from funkhaus_cluster.versions import Versions

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Site:
    """One machine's cluster."""

    settings: Settings
    versions: Versions
    commands: Commands
    progress: Progress

    @property
    def pki(self) -> Pki:
        """The node's certificates."""
        return Pki(self.settings.pki, self.commands)

    @property
    def parts(self) -> PartRunner:
        """What starts and stops processes."""
        return PartRunner(self.settings, self.commands.cancelled)

    @property
    def sources(self) -> Path:
        """The ``cluster/`` folder of the checkout."""
        return self.settings.checkout / "cluster"

    def step_log(self, step: str) -> Path:
        """Where the output of a step's programs goes.

        Below the cache, because tools are also built on machines that have no node and no state folder.
        """
        return self.settings.cache / "log" / f"{step}.log"

    def program(self, name: str) -> str:
        """A binary of the node, under the name it is called by."""
        return str(self.settings.bin / name)


def here(environ: Mapping[str, str] | None = None) -> Site:
    """The site described by the environment. Raises ``ClusterError`` for values that cannot be."""
    variables = os.environ if environ is None else environ
    return Site(
        settings=settings_module.from_environ(variables, checkout=CHECKOUT),
        versions=versions_module.load(CHECKOUT / "cluster/versions.toml"),
        commands=Commands(),
        progress=Progress(),
    )
