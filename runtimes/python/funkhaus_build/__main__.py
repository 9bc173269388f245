"""``python3 -m funkhaus_build``.

Exits with 0 when the result was taken, 3 when the user can mend what went wrong, 4 when nobody came, 5 when the
index was away.
"""

from __future__ import annotations

import contextlib
import os
import sys

from funkhaus_build.installing import BuildError, IndexAwayError, install
from funkhaus_build.packing import keyed_digest, pack
from funkhaus_build.serving import Counter
from funkhaus_build.settings import Settings, read

TAKEN, REFUSED, NOBODY, AWAY = 0, 3, 4, 5
WORDS_LIMIT = 3000
"""Characters of the last words; Kubernetes shows 4096 bytes."""


def build(settings: Settings) -> int:
    """Install, pack, serve; the exit code."""
    try:
        packages, log = install(settings)
        result = settings.work / "result.tar"
        pack(packages, result, bytes_limit=settings.bytes_limit, files_limit=settings.files_limit)
    except BuildError as error:
        return _last(settings, str(error), REFUSED)
    except IndexAwayError as error:
        return _last(settings, str(error), AWAY)
    sys.stdout.write(f"Installed: {result.stat().st_size} bytes.\n")
    sys.stdout.flush()
    counter = Counter(result, log, keyed_digest(result, settings.secret), settings.secret)
    words = counter.run(settings.host, settings.port, settings.patience)
    if words is None:
        return _last(settings, "the platform did not fetch the result in time", NOBODY)
    return _last(settings, words, REFUSED) if words else TAKEN


def _last(settings: Settings, words: str, code: int) -> int:
    """Leave words where Kubernetes shows them."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()
    with contextlib.suppress(OSError):
        settings.termination_log.write_text(words[-WORDS_LIMIT:], encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(build(read(os.environ)))
