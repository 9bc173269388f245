"""The `opa` program: the only place that runs it, in bounded time and with a bounded answer."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from funkhaus_cli.failure import Exit, Failure
from funkhaus_cli.policies.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PROGRAM = "FUNKHAUS_OPA"
SECONDS = 60.0
"""For one run of `opa`. The house's own rules need one second."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run ended; `timed_out` after `SECONDS`."""

    code: int
    out: str
    err: str
    timed_out: bool = False

    def document(self) -> Any:  # noqa: ANN401 - any JSON value
        """What it printed as JSON, errors of `opa check` on stderr; ``None`` when that is none."""
        for text in (self.out, self.err):
            try:
                return json.loads(text)
            except ValueError:
                continue
        return None


class Opa:
    """`opa`, run in `folder`, so that it names files as its user does."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program, self.folder = program, folder

    @classmethod
    def found(cls, environ: Mapping[str, str], folder: Path) -> Opa:
        """The program `FUNKHAUS_OPA` names, else the one on PATH; raises `Failure` without one."""
        wanted = environ.get(PROGRAM) or "opa"
        program = shutil.which(wanted, path=environ.get("PATH"))
        if program is None:
            raise Failure(
                f"there is no program {wanted!r} to check policies with",
                Exit.UNAVAILABLE,
                hint=f"put opa 1.x on PATH, or name it in {PROGRAM}",
            )
        return cls(program, folder)

    def beside(self, folder: Path) -> Opa:
        """The same program in another folder."""
        return Opa(self._program, folder)

    def run(self, *words: str, seconds: float = SECONDS) -> Ran:
        """Run it."""
        try:
            done = subprocess.run(  # noqa: S603 - the words are ours, the files are arguments
                [self._program, *words],
                cwd=self.folder,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            return Ran(-1, "", f"opa {words[0]} took longer than {seconds:g} s", timed_out=True)
        return Ran(done.returncode, done.stdout, done.stderr)

    def tree(self, file: str) -> dict[str, Any]:
        """The syntax tree of a file with the place of each part; empty when it does not parse."""
        parsed = self.run("parse", "--format=json", "--json-include=locations", file).document()
        return parsed if isinstance(parsed, dict) else {}


def problems(ran: Ran) -> tuple[Problem, ...]:
    """The errors of a run with ``--format=json``; what is no list of errors is one problem itself."""
    document = ran.document()
    errors = document.get("errors") if isinstance(document, dict) else None
    if not errors:
        text = (ran.err or ran.out).strip()[:500]
        return (Problem(".", text or f"opa ended with {ran.code} and said nothing"),)
    return tuple(
        Problem(
            str((error.get("location") or {}).get("file") or "."),
            str(error.get("message")),
            int((error.get("location") or {}).get("row") or 0),
        )
        for error in errors
    )
