"""A folder of policy files → the set in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.domain.policy_set import ROOTS, PolicySet

if TYPE_CHECKING:
    from pathlib import Path

_SUFFIXES = {".rego", ".yaml"}


def read_folder(folder: Path) -> PolicySet:
    """The files below ``funkhaus`` and ``data``; raises `OSError` when they can't be read."""
    return PolicySet(
        {
            path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
            for root in ROOTS
            for path in sorted((folder / root).rglob("*"))
            if path.is_file() and path.suffix in _SUFFIXES
        }
    )
