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
    if asked.from_url is None:
        for flag, given in (("--sha256", asked.sha256), ("--path", asked.path)):
            if given is not None:
                raise Failure(f"{flag} goes with --from-url", Exit.USAGE)
        return None
    if asked.from_file:
        raise Failure("--from-file and --from-url: one of the two passes", Exit.USAGE)
    match = _SHA256.fullmatch((asked.sha256 or "").strip().lower())
    if match is None:
        said = "is missing" if asked.sha256 is None else f"{asked.sha256!r} is no SHA-256"
        raise Failure(
            f"--sha256 {said}: it says what --from-url has to lead to",
            Exit.USAGE,
            hint=f"curl -fsSL '{asked.from_url}' | sha256sum prints it",
        )
    inside = {"path": asked.path.strip("/")} if asked.path else {}
    return {"url": asked.from_url, "sha256": match[1], **inside}
