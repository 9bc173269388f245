"""The Debian packages the node needs, installed when missing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from funkhaus_cluster.site import Site

SECONDS = 900.0
OUR_ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive"}


def missing(packages: dict[str, str]) -> list[str]:
    """The packages whose program or folder is not there."""
    return sorted(name for name, sign in packages.items() if not _present(sign))


def install(site: Site) -> str:
    """Install what is missing; a machine that has everything is not asked to reach its mirrors."""
    wanted = missing(site.versions.debian_packages)
    if not wanted:
        return "all there"
    log = site.step_log("packages")
    site.commands.run(["apt-get", "update"], log=log, seconds=SECONDS, env=OUR_ENVIRONMENT)
    site.commands.run(
        ["apt-get", "install", "--yes", "--no-install-recommends", *wanted],
        log=log,
        seconds=SECONDS,
        # What a package's script wants to start or restart is the machine owner's to decide.
        env={**OUR_ENVIRONMENT, "RUNLEVEL": "1"},
    )
    return f"installed {', '.join(wanted)}"


def _present(sign: str) -> bool:
    return Path(sign).exists() if sign.startswith("/") else shutil.which(sign) is not None
