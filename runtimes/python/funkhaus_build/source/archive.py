"""An archive at an address, written as it comes and measured while it does."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from funkhaus_build.installing import BuildError
from funkhaus_build.source.web import pieces

if TYPE_CHECKING:
    from pathlib import Path

    from funkhaus_build.source.settings import Settings
    from funkhaus_build.source.web import Web


def fetch(web: Web, settings: Settings, into: Path) -> str:
    """Write the archive; what was done, in a line. Raises `BuildError`, `AwayError`."""
    digest, size = hashlib.sha256(), 0
    with web.ask("GET", settings.url) as (answer, asked), into.open("xb") as file:
        for chunk in pieces(answer, asked):
            size += len(chunk)
            if size > settings.bytes_limit:
                raise BuildError(
                    f"{asked.shown} has more than {settings.bytes_limit} bytes; at most so many pass"
                )
            digest.update(chunk)
            file.write(chunk)
    if digest.hexdigest() != settings.sha256:
        raise BuildError(
            f"{asked.shown} has the SHA-256 {digest.hexdigest()}, the source names {settings.sha256}"
        )
    return f"Fetched {asked.shown}: {size} bytes.\n"
