"""`funkhaus` as a process of its own, as a shell starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 30


class Ran(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str


def start(url: str, home: Path, *words: str, **environ: str) -> subprocess.Popen[str]:
    """The running command, with nothing of this process's environment but its paths."""
    env = {
        "PATH": os.environ["PATH"], "PYTHONPATH": ":".join(sys.path), "HOME": str(home), "FUNKHAUS_API": url,
        "FUNKHAUS_TOKEN": "fh_usr_x",
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "funkhaus_cli", *words],
        env=env | environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(url: str, home: Path, *words: str, **environ: str) -> Ran:
    """The command's end."""
    with start(url, home, *words, **environ) as process:
        out, err = process.communicate(timeout=SECONDS)
    return Ran(process.returncode, out, err)
