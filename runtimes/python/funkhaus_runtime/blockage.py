"""Tells when, and where, an `async def` handler blocks the event loop it shares with all calls and health checks."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from funkhaus_runtime.journal import Journal

PATIENCE = 1.0
"""Seconds the loop may be busy with one thing before it is said."""


class Blockage(threading.Thread):
    """A thread that asks the loop for a sign of life and, once for every blockage, logs where it hangs instead."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, journal: Journal, patience: float = PATIENCE
    ) -> None:
        """To be made on the loop's own thread."""
        super().__init__(name="blockage", daemon=True)
        self._loop = loop
        self._journal = journal
        self._patience = patience
        self._loops_thread = threading.get_ident()

    def run(self) -> None:
        """Ask until the loop is closed."""
        while True:
            time.sleep(self._patience)
            alive = threading.Event()
            try:
                self._loop.call_soon_threadsafe(alive.set)
            except RuntimeError:  # closed in this moment
                return
            if not alive.wait(self._patience):
                self._tell()
                alive.wait()

    def _tell(self) -> None:
        frame = sys._current_frames().get(self._loops_thread)  # noqa: SLF001 - the documented way to another's stack
        stack = []
        while frame is not None:
            code = frame.f_code
            stack.append(f'File "{code.co_filename}", line {frame.f_lineno} in {code.co_name}')
            frame = frame.f_back
        own = [entry for entry in stack if "/funkhaus_runtime/" not in entry]
        self._journal.write(
            "warning",
            "loop_blocked",
            reason=f"for {self._patience:g} s or more nothing else could run: the handler is `async def` but blocks",
            stack=own,
        )
