"""What went wrong, as one readable block on stderr, and the exit code that says so to a script."""

from __future__ import annotations

from enum import IntEnum
from typing import IO, TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Exit(IntEnum):
    """Exit codes; `funkhaus --help` lists them. They are part of the interface and never change meaning."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    NOT_FOUND = 3
    NOT_ALLOWED = 4
    UNAVAILABLE = 5
    NOT_READY = 6
    ANSWERED_4XX = 7
    ANSWERED_5XX = 8
    INTERRUPTED = 130
    PIPE_CLOSED = 141


MEANINGS: Mapping[Exit, str] = {
    Exit.OK: "done",
    Exit.REFUSED: "refused or failed: policy, invalid input, conflict",
    Exit.USAGE: "the command line itself is wrong; nothing was changed",
    Exit.NOT_FOUND: "no such thing, or none you may see",
    Exit.NOT_ALLOWED: "no valid token, or your role may not do this",
    Exit.UNAVAILABLE: "the API server or a part behind it does not answer (in time)",
    Exit.NOT_READY: "--wait ended before the function was ready",
    Exit.ANSWERED_4XX: "`function call`: the function answered with a 4xx status",
    Exit.ANSWERED_5XX: "`function call`: the function answered with a 5xx status",
}

_TEXT_LIMIT = 2000
"""Characters of one sentence from outside; a page of HTML is no error message."""
_LINES_LIMIT = 30
_FINDINGS_LIMIT = 50


class Failure(click.ClickException):
    """An end with a reason: a sentence, the findings below it, a hint what to do, and an exit code.

    `findings` are JSON objects as the API sends them (`funkhaus.domain.verdict.Finding.as_json`).
    """

    def __init__(
        self,
        message: str,
        exit_code: Exit = Exit.REFUSED,
        *,
        findings: Sequence[Mapping[str, Any]] = (),
        hint: str = "",
        code: str = "",
    ) -> None:
        super().__init__(message)
        self.exit = exit_code
        self.findings = tuple(findings)
        self.hint = hint
        self.code = code

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the block to `file`, stderr when absent."""
        click.echo("\n".join(self.lines()), file=file, err=file is None)

    def lines(self) -> Iterable[str]:
        """The block, line by line."""
        first, *more = self.message.splitlines() or [""]
        yield click.style("Error: ", fg="red", bold=True) + plain(first)
        for line in more[:_LINES_LIMIT]:
            yield f"  {' ' * (len(line) - len(line.lstrip(' ')))}{plain(line)}".rstrip()
        for finding in self.findings[:_FINDINGS_LIMIT]:
            yield from finding_lines(finding)
        if len(self.findings) > _FINDINGS_LIMIT:
            yield f"  … and {len(self.findings) - _FINDINGS_LIMIT} more"
        if self.hint:
            yield f"Hint: {plain(self.hint)}"


def finding_lines(finding: Mapping[str, Any]) -> Iterable[str]:
    """One finding: ``path: message``, and below it what would pass."""
    path, message = str(finding.get("path") or ""), str(finding.get("message") or "")
    place = click.style(plain(path), bold=True) + ": " if path else ""
    yield f"  {place}{plain(message or str(finding.get('code') or 'refused'))}"
    if (passes := finding.get("passes")) is not None:
        shown = ", ".join(map(str, passes)) if isinstance(passes, list) else str(passes)
        yield f"    passes: {plain(shown)}"


def warn(sentence: str) -> None:
    """A remark on stderr that ends nothing."""
    click.echo(click.style("Warning: ", fg="yellow", bold=True) + plain(sentence), err=True)


def plain(text: str, limit: int = _TEXT_LIMIT) -> str:
    """`text` without control characters (a terminal obeys some of them) and not longer than `limit`."""
    shown = "".join(char if char.isprintable() else " " for char in text[:limit]).strip()
    return shown + "…" if len(text) > limit else shown
