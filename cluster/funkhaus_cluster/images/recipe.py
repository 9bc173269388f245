"""What an image is made of, as written in its ``recipe.toml``."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

from funkhaus_cluster.errors import ClusterError

if TYPE_CHECKING:
    from pathlib import Path

_T = TypeVar("_T")


@dataclass(frozen=True)
class Debian:
    """The base layer: packages of one Debian suite, without what a function's image has no use for."""

    suite: str
    packages: tuple[str, ...]
    """Names and apt patterns; their dependencies come along, recommendations do not."""
    epoch: int
    """Seconds since 1970: no file of the image is younger, and the image is dated so."""
    drop: tuple[str, ...]
    """fnmatch patterns on paths relative to the root that are left out."""
    keep: tuple[str, ...]
    """Patterns that stay although ``drop`` matches."""


@dataclass(frozen=True)
class User:
    """The user the image runs as."""

    name: str
    id: int


@dataclass(frozen=True)
class Site:
    """Where the image's Python finds packages, and which wheels run on its C library."""

    path: str
    python: str
    glibc: tuple[str, ...]


@dataclass(frozen=True)
class Config:
    """What a container of the image does when nothing else is said."""

    entrypoint: tuple[str, ...]
    directories: tuple[str, ...]
    """Empty folders of the base layer, relative to the root."""
    workdir: str
    ports: tuple[str, ...]
    env: dict[str, str]


@dataclass(frozen=True)
class Recipe:
    """One runtime's images: its Debian base and the runtime itself."""

    debian: Debian
    user: User
    site: Site
    config: Config


def load(path: Path) -> Recipe:
    """Read ``path``. Raises ``ClusterError`` naming the file and the field that is missing, unknown or of another type."""
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ClusterError(f"{path} cannot be read: {error}.") from None
    return Recipe(
        debian=_section(path, content, "debian", Debian),
        user=_section(path, content, "user", User),
        site=_section(path, content, "site", Site),
        config=_section(path, content, "config", Config),
    )


def _section(path: Path, content: dict[str, Any], name: str, kind: type[_T]) -> _T:
    section = content.get(name)
    if not isinstance(section, dict):
        raise ClusterError(f"{path} has no section [{name}].")
    wanted = {field.name: str(field.type) for field in fields(kind)}  # type: ignore[arg-type]  # always a dataclass
    if odd := sorted(set(wanted) ^ set(section)):
        word = "is missing" if odd[0] in wanted else "is not known"
        raise ClusterError(f"{path}: {name}.{odd[0]} {word}; [{name}] has {', '.join(wanted)}.")
    checked: dict[str, Any] = {}
    for field, annotation in wanted.items():
        value = section[field]
        if not _fits(value, annotation):
            raise ClusterError(
                f"{path}: {name}.{field} is {value!r}, which is not {_WORDS[annotation]}."
            )
        checked[field] = tuple(value) if isinstance(value, list) else value
    return kind(**checked)


_WORDS = {
    "str": "a text that is not empty",
    "int": "a whole number above 0",
    "tuple[str, ...]": "a list of texts",
    "dict[str, str]": "a table of texts",
}


def _fits(value: object, annotation: str) -> bool:
    if annotation == "str":
        return isinstance(value, str) and bool(value)
    if annotation == "int":
        return isinstance(value, int) and not isinstance(value, bool) and value > 0
    if annotation == "dict[str, str]":
        return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def key(*inputs: object) -> str:
    """The name something made from ``inputs`` has in the cache: equal inputs, equal name.

    ``inputs`` are dataclasses, or what JSON can hold. The result is 64 hex digits.
    """
    parts = [asdict(entry) if hasattr(entry, "__dataclass_fields__") else entry for entry in inputs]  # type: ignore[call-overload]  # an instance, by the attribute
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def tree_digest(*roots: Path) -> str:
    """Digest of the names, executability and contents of the files below ``roots``, without Python's caches.

    The place of a root does not count, so two checkouts of the same files agree.
    """
    digest = hashlib.sha256()
    for root in roots:
        for file in source_files(root):
            content = file.read_bytes()
            name = file.relative_to(root) if file != root else file.name
            mode = "x" if file.stat().st_mode & 0o100 else "-"
            digest.update(f"{name}\0{mode}\0{len(content)}\0".encode() + content)
        digest.update(b"\0\0")
    return digest.hexdigest()


def source_files(root: Path) -> list[Path]:
    """The files of a source tree in a fixed order, or ``root`` itself when it is a file."""
    if root.is_file():
        return [root]
    return sorted(
        file for file in root.rglob("*") if file.is_file() and "__pycache__" not in file.parts
    )
