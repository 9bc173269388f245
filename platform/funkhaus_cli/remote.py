"""Source that is somewhere else: named on the command line, fetched by the platform."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from funkhaus_cli.failure import Exit, Failure

if TYPE_CHECKING:
    from funkhaus_cli.specs import Asked

_SHA256 = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


def source(asked: Asked) -> dict[str, Any] | None:
    """The source the flags name; ``None`` where they name none that is elsewhere. Raises `Failure` (usage)."""
    ways = {
        "--from-file": asked.from_file,
        "--from-url": asked.from_url,
        "--from-git": asked.from_git,
    }
    named = [flag for flag, given in ways.items() if given]
    if len(named) > 1:
        raise _wrong(f"{' and '.join(named)}: one of them passes")
    for flag, given, goes_with in (
        ("--sha256", asked.sha256, ("--from-url",)),
        ("--ref", asked.ref, ("--from-git",)),
        ("--path", asked.path, ("--from-url", "--from-git")),
    ):
        if given is not None and not set(named) & set(goes_with):
            raise _wrong(f"{flag} goes with {' or '.join(goes_with)}")
    inside = {"path": asked.path.strip("/")} if asked.path else {}
    if asked.from_git:
        if not asked.ref:
            raise _wrong(
                "--ref is missing: a branch, tag or commit of --from-git, for example main"
            )
        return {"git": {"url": asked.from_git, "ref": asked.ref, **inside}}
    if asked.from_url:
        return {"url": asked.from_url, "sha256": _digits(asked), **inside}
    return None


def _digits(asked: Asked) -> str:
    match = _SHA256.fullmatch((asked.sha256 or "").strip().lower())
    if match is None:
        said = "is missing" if asked.sha256 is None else f"{asked.sha256!r} is no SHA-256"
        raise Failure(
            f"--sha256 {said}: it says what --from-url has to lead to",
            Exit.USAGE,
            hint=f"curl -fsSL '{asked.from_url}' | sha256sum prints it",
        )
    return match[1]


def _wrong(sentence: str) -> Failure:
    return Failure(sentence, Exit.USAGE)
