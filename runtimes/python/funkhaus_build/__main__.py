"""``python3 -m funkhaus_build``.

Exits with 0 when the result was taken, 3 when the user can mend what went wrong, 4 when nobody came, 5 when the
index was away.
"""

from __future__ import annotations

import os
import sys

from funkhaus_build.ending import AWAY, REFUSED, hand_over, last
from funkhaus_build.installing import BuildError, IndexAwayError, install
from funkhaus_build.packing import pack
from funkhaus_build.settings import Settings, read


def build(settings: Settings) -> int:
    """Install, pack, serve; the exit code."""
    try:
        packages, log = install(settings)
        result = settings.work / "result.tar"
        pack(packages, result, bytes_limit=settings.bytes_limit, files_limit=settings.files_limit)
    except BuildError as error:
        return last(settings, str(error), REFUSED)
    except IndexAwayError as error:
        return last(settings, str(error), AWAY)
    sys.stdout.write(f"Installed: {result.stat().st_size} bytes.\n")
    sys.stdout.flush()
    return hand_over(settings, result, log)


if __name__ == "__main__":
    sys.exit(build(read(os.environ)))
