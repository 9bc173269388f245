"""Sections, pairs and wrapped messages of a page for people; nothing from outside reaches the terminal as it is."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click

from funkhaus_cli.failure import plain
from funkhaus_cli.output import NOTHING, Styled

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 100
INDENT = "  "


def pairs(*given: tuple[str, object]) -> Iterator[str]:
    """``Key:  value`` with the values in one column, long ones and lists over several lines."""
    width = max(len(key) for key, _ in given) + 2
    for key, value in given:
        text, colour = (value.text, value.colour) if isinstance(value, Styled) else (value, None)
        lines = [part for line in str(text or NOTHING).split("\n") for part in _fitted(line, width)]
        shown = ("\n" + " " * width).join(click.style(line, fg=colour) for line in lines)
        yield f"{click.style(f'{key}:', bold=True)}{' ' * (width - len(key) - 1)}{shown}"


def _fitted(line: str, indent: int) -> list[str]:
    return textwrap.wrap(
        plain(line), WIDTH - indent, break_on_hyphens=False, break_long_words=False
    )


def section(title: str, lines: list[str]) -> Iterator[str]:
    """A heading with lines below it; nothing where there are none."""
    if lines:
        yield click.style(title, bold=True)
        yield from (INDENT + _kept(line) for line in lines)


def _kept(line: str) -> str:
    """`line` made harmless, its indentation kept."""
    return " " * (len(line) - len(line.lstrip(" "))) + plain(line, 500)


def wrapped(text: object, indent: str, *, red: bool = False) -> Iterator[str]:
    """A message over as many lines as it needs; its own line breaks (a traceback's) stay."""
    for line in str(text or "").splitlines():
        for part in textwrap.wrap(_kept(line), WIDTH - len(indent), break_on_hyphens=False) or [""]:
            yield (indent + (click.style(part, fg="red") if red and part else part)).rstrip()
