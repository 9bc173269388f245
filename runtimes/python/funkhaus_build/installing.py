"""pip, told everything and left nothing to find out: no configuration, no environment, no cache, wheels only."""

from __future__ import annotations

import compileall
import os
import re
import subprocess
import sys
from py_compile import PycInvalidationMode
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pathlib import Path

    from funkhaus_build.settings import Settings

PLACE = "/packages"
"""Where the packages lie in a function's image."""
LOG_LIMIT = 256 * 1024
"""Bytes of output that are kept; the log has all of it."""


class BuildError(Exception):
    """What the user can mend; the message says how."""


class IndexAwayError(Exception):
    """The index did not answer; the same build may pass later."""


def install(settings: Settings) -> tuple[Path, bytes]:
    """Install into a new folder; the folder, and what pip wrote. Raises `BuildError`, `IndexAwayError`."""
    work = settings.work
    target, requirements = work / "packages", work / "requirements.txt"
    target.mkdir()
    requirements.write_text(settings.requirements, encoding="ascii")
    if settings.index_ca:
        (work / "index-ca.pem").write_text(settings.index_ca, encoding="ascii")
    code, log = _run(arguments(settings, target, requirements), work)
    if code and (away := _AWAY.search(log.decode(errors="replace"))):
        raise IndexAwayError(f"the package index does not answer: {away[0]}")
    if code:
        raise BuildError(_words(log, code))
    # Trusted by their content: dates are not kept, and a function's file system can't be written to.
    compileall.compile_dir(
        target,
        maxlevels=64,
        quiet=2,
        stripdir=os.fspath(target),
        prependdir=PLACE,
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )
    return target, log


def arguments(settings: Settings, target: Path, requirements: Path) -> list[str]:
    """Pip's command line."""
    address = urlsplit(settings.index_url)
    trusted = ["--trusted-host", address.netloc] if address.scheme == "http" else []
    vouched = ["--cert", os.fspath(settings.work / "index-ca.pem")] if settings.index_ca else []
    return [
        sys.executable, "-P", "-m", "pip", "--isolated", "install",
        "--requirement", os.fspath(requirements),
        "--target", os.fspath(target),
        "--index-url", settings.index_url, *trusted, *vouched,
        "--only-binary", ":all:",
        "--no-cache-dir", "--no-compile", "--no-input",
        "--disable-pip-version-check", "--progress-bar", "off", "--root-user-action", "ignore",
        "--timeout", "20", "--retries", "2",
    ]  # fmt: skip


def _run(argv: list[str], work: Path) -> tuple[int, bytes]:
    scratch = work / "tmp"
    scratch.mkdir()
    environ = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.fspath(scratch),
        "TMPDIR": os.fspath(scratch),
        "LANG": "C.UTF-8",
        "PIP_CONFIG_FILE": os.devnull,
        **({"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}),
    }
    kept = bytearray()
    with subprocess.Popen(  # noqa: S603 - our own words; the user's are in a file
        argv, env=environ, cwd=scratch, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as pip:  # fmt: skip
        for line in pip.stdout or ():
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
            if len(kept) < LOG_LIMIT:
                kept += line
    return pip.returncode, bytes(kept[:LOG_LIMIT])


def _words(log: bytes, code: int) -> str:
    lines = [line for line in log.decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    said = "\n".join((errors or lines)[-_SAID:])
    if "No matching distribution found" in said:
        said += "\nOnly wheels are installed: the index needs one of that version for this runtime's Python and glibc."
    return said or f"pip ended with exit code {code}"


_AWAY = re.compile(
    r"NewConnectionError|ConnectTimeoutError|ReadTimeoutError|NameResolutionError|ProtocolError|SSLError"
    r"|ConnectionResetError|HTTP error 5\d\d|5\d\d Server Error"
)
"""How pip's log names an index that is away; pip itself then says that there is no such package."""
_SAID = 12
"""Lines that are repeated."""
