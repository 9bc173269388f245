"""Programs that run beside a test, each with a log in its folder."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

END_SECONDS = 15


@contextmanager
def started(
    commands: Sequence[Sequence[str]], folder: Path
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start them in order, with ``<program>.log`` each; end them in the reverse order, by force after a while."""
    with ExitStack() as stack:
        processes = []
        for argv in commands:
            log = stack.enter_context((folder / f"{argv[0]}.log").open("wb"))
            process = subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT)
            stack.callback(_end, process)
            processes.append(process)
        yield processes


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)
