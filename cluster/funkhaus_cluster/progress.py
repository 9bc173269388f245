"""What the user sees while steps run: one line when a step starts, one when it ends, and a sign of life in between."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TextIO

HEARTBEAT_SECONDS = 20.0


@dataclass
class Progress:
    """Prints named steps with the time since the run began. Safe to call from several threads."""

    stream: TextIO = field(default_factory=lambda: sys.stdout)
    verbose: bool = True
    _begun: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _running: dict[str, float] = field(default_factory=dict)

    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._begun

    def say(self, line: str) -> None:
        """Print one line with the elapsed time in front."""
        with self._lock:
            print(f"{self.elapsed():7.1f}s  {line}", file=self.stream, flush=True)

    def started(self, title: str) -> None:
        """A step that takes more than a moment began."""
        self._running[title] = time.monotonic()
        self.say(f"…  {title}")

    def finished(self, title: str, outcome: str = "") -> None:
        """A step ended well; ``outcome`` says what came of it."""
        begun = self._running.pop(title, None)
        took = f" ({time.monotonic() - begun:.1f} s)" if begun is not None else ""
        self.say(f"ok {title}{': ' + outcome if outcome else ''}{took}")

    def failed(self, title: str) -> None:
        """A step failed; the sentence that says why follows at the end of the run."""
        self._running.pop(title, None)
        self.say(f"!! {title}")

    def heartbeat(self) -> None:
        """Name what is still running, so that a long silence is not mistaken for a hang."""
        now = time.monotonic()
        running = [f"{title} {now - begun:.0f} s" for title, begun in list(self._running.items())]
        if running:
            self.say(f"   still: {'; '.join(running)}")
