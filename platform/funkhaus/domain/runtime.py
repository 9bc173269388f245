"""The runtime catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RuntimeStatus(StrEnum):
    """Whether functions may use it: a deprecated one warns, a blocked one is refused."""

    ACTIVE = "active"
    DEPRECATED = "deprecated"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Builder:
    """What installs a function's dependencies: an image by digest, and the command that runs in it."""

    image: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Runtime:
    """A catalogue entry. `image` is a digest reference; without a `builder` its functions have no dependencies."""

    id: str
    image: str
    status: RuntimeStatus = RuntimeStatus.ACTIVE
    dependency_file: str = ""
    file_suffix: str = ""
    builder: Builder | None = None
