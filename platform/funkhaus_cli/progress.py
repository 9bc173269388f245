"""The line that shows how far a wait is: one that moves on a terminal, one per change elsewhere. On stderr."""

from __future__ import annotations

import shutil
import sys
from itertools import cycle
from typing import TYPE_CHECKING, Self

import click

from funkhaus_cli.failure import plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

FRAME = 0.1
"""Seconds between two pictures of the moving line."""
_PICTURES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ASCII = "|/-\\"


class Progress:
    """Use as a context; `say` what is going on, `pause` between two looks."""

    def __init__(
        self,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        *,
        live: bool | None = None,
    ) -> None:
        self._stream = sys.stderr
        self._clock, self._sleep = clock, sleep
        self._live = self._stream.isatty() if live is None else live
        encoding = (self._stream.encoding or "").lower().replace("-", "")
        self._pictures = cycle(_PICTURES if encoding == "utf8" else _ASCII)
        self._began = clock()
        self._said = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the terminal's line empty for what follows."""
        if self._live and self._said:
            click.echo("\r\x1b[K", nl=False, file=self._stream)

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return self._clock() - self._began

    def say(self, sentence: str) -> None:
        """What is going on now, its first line; the same as before is not said again."""
        sentence = plain(sentence.partition("\n")[0], 300)
        if sentence == self._said:
            return
        self._said = sentence
        if self._live:
            self._draw()
        else:
            click.echo(f"{self.seconds:6.1f} s  {sentence}", file=self._stream)

    def pause(self, seconds: float) -> None:
        """Wait; the line moves meanwhile."""
        if not self._live:
            self._sleep(seconds)
            return
        until = self._clock() + seconds
        while (left := until - self._clock()) > 0:
            self._sleep(min(FRAME, left))
            self._draw()

    def _draw(self) -> None:
        width = shutil.get_terminal_size().columns - 1
        line = f"{next(self._pictures)} {self.seconds:.0f} s  {self._said}"
        shown = line if len(line) <= width else line[: max(width - 1, 0)] + "…"
        click.echo(f"\r\x1b[K{shown}", nl=False, file=self._stream)
