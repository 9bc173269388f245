"""`python3 -m funkhaus_runtime`: exit codes are 0 after a drain, 65 for a function that can't be loaded, 70 for a
runtime that broke, 78 for settings it can't work with.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

if __name__ == "__main__" and not sys.flags.safe_path:
    # `-m` has put the working directory first: the function's files lie there, and are not the server's modules.
    del sys.path[0]

from funkhaus_runtime.journal import Journal
from funkhaus_runtime.loading import LoadError, looks_async
from funkhaus_runtime.nursery_start import fork
from funkhaus_runtime.settings import Settings, SettingsError, read

UNLOADABLE, MISCONFIGURED = 65, 78
_MESSAGE_LIMIT = 4000
"""Characters; Kubernetes keeps 4096 bytes of a termination message."""


def main() -> int:
    """Run one function as the environment says."""
    try:
        settings = read(os.environ)
    except SettingsError as error:
        return _give_up(Settings("", ""), MISCONFIGURED, "settings_invalid", str(error))
    # Whatever kind the handler seems to be decides where it is imported first; the import tells whether that was right.
    begun = None if looks_async(settings) else fork(settings)
    from funkhaus_runtime import serve  # noqa: PLC0415 - the nursery does without the libraries that come with it

    try:
        return serve.run(settings, Journal(settings.name or settings.handler), begun)
    except LoadError as error:
        return _give_up(settings, UNLOADABLE, "function_unloadable", error.reason, error.trace)


def _give_up(settings: Settings, code: int, event: str, reason: str, trace: str = "") -> int:
    """Say why in the log, and where Kubernetes looks for the reason of a container's end."""
    Journal(settings.name or settings.handler).write(
        "error", event, reason=reason, traceback=trace or None
    )
    with contextlib.suppress(OSError):
        Path(settings.termination_log).write_text(
            f"{reason}\n\n{trace}"[:_MESSAGE_LIMIT].strip() + "\n"
        )
    return code


if __name__ == "__main__":
    sys.exit(main())
