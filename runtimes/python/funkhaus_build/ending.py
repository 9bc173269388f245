"""How a build ends: its result is handed over, or it leaves words where Kubernetes shows them."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Protocol

from funkhaus_build.packing import keyed_digest
from funkhaus_build.serving import Counter

if TYPE_CHECKING:
    from pathlib import Path

TAKEN, REFUSED, NOBODY, AWAY = 0, 3, 4, 5
"""Exit codes: the result was taken; the user can mend what went wrong; nobody came; whoever was asked did not answer."""
WORDS_LIMIT = 3000
"""Characters of the last words; Kubernetes shows 4096 bytes."""


class Serving(Protocol):
    """What of a build's settings says how its result is handed over."""

    @property
    def secret(self) -> str:
        """Keys the digest that shows whose result it is."""

    @property
    def host(self) -> str:
        """The address it is served on."""

    @property
    def port(self) -> int:
        """The port."""

    @property
    def patience(self) -> float:
        """Seconds it waits."""

    @property
    def termination_log(self) -> Path:
        """Where Kubernetes reads last words."""


def hand_over(settings: Serving, result: Path, log: bytes) -> int:
    """Serve a result until it is taken, refused or nobody came; the exit code."""
    counter = Counter(result, log, keyed_digest(result, settings.secret), settings.secret)
    words = counter.run(settings.host, settings.port, settings.patience)
    if words is None:
        return last(settings, "the platform did not fetch the result in time", NOBODY)
    return last(settings, words, REFUSED) if words else TAKEN


def last(settings: Serving, words: str, code: int) -> int:
    """Leave the last words; the exit code."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()
    with contextlib.suppress(OSError):
        settings.termination_log.write_text(words[-WORDS_LIMIT:], encoding="utf-8")
    return code
