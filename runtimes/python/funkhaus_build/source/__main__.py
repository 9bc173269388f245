"""``python3 -m funkhaus_build.source``. Exits as `funkhaus_build` does (`funkhaus_build.ending`)."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from funkhaus_build.ending import AWAY, REFUSED, hand_over, last
from funkhaus_build.installing import BuildError
from funkhaus_build.source import archive
from funkhaus_build.source.away import AwayError
from funkhaus_build.source.networks import Networks
from funkhaus_build.source.settings import Settings, read
from funkhaus_build.source.web import Web

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def fetch(settings: Settings) -> int:
    """Fetch, serve; the exit code."""
    ports = frozenset(int(port) for port in settings.ports.split())
    web = Web(Networks.read(settings.networks), ports, settings.ca)
    result = settings.work / "result"
    try:
        log = _program(settings)(web, settings, result)
    except BuildError as error:
        return last(settings, str(error), REFUSED)
    except AwayError as error:
        return last(settings, str(error), AWAY)
    sys.stdout.write(log)
    sys.stdout.flush()
    return hand_over(settings, result, log.encode())


def _program(settings: Settings) -> Callable[[Web, Settings, Path], str]:
    if not settings.ref:
        return archive.fetch
    from funkhaus_build.source import git  # noqa: PLC0415 - half a second that an archive need not wait

    return git.fetch


if __name__ == "__main__":
    sys.exit(fetch(read(os.environ)))
