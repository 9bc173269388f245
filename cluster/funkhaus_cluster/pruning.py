"""Old versions in the cache: kept while some checkout uses them, dropped a month after the last one did."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

from funkhaus_cluster import developer, go_build, identity_provider, wheels

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from funkhaus_cluster.site import Site

UNUSED_SECONDS = 30 * 24 * 3600.0
FOLDERS = ("go", "venv", "wheels", "idp")


def prune(site: Site) -> str:
    """Mark what this checkout uses as used now, and drop what none used for a month. Call with the lock held."""
    used = [go_build.place(site, entry).parent for entry in go_build.binaries(site.sources)]
    used += [wheels.place(site, wheel) for wheel in site.versions.wheels.values()]
    used += [developer.virtualenv(site), identity_provider.packages(site)]
    now = time.time()
    for folder in used:
        if folder.exists():
            os.utime(folder, (now, now))
    dropped = stale((site.settings.cache / name for name in FOLDERS), now=now)
    for folder in dropped:
        shutil.rmtree(folder, ignore_errors=True)
    return f"{len(dropped)} dropped"


def stale(parents: Iterable[Path], *, now: float) -> list[Path]:
    """The folders below ``parents`` that were last used more than a month before ``now``."""
    return [
        folder
        for parent in parents
        if parent.exists()
        for folder in parent.iterdir()
        if folder.is_dir() and now - folder.stat().st_mtime > UNUSED_SECONDS
    ]
