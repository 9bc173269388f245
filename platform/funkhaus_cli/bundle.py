"""A tenant as a directory: what `tenant export` writes and `tenant import` reads.

::

    tenant.yaml                                plan, members, service accounts, namespaces with quotas and named secrets
    namespaces/<name>/function-<name>.yaml     one object each, as `kubectl apply -f namespaces/<name>` takes it
    namespaces/<name>/httptrigger-<name>.yaml
    namespaces/<name>/cronjobtrigger-<name>.yaml
    namespaces/<name>/archives/<hex>           source archives, named by their SHA-256

No secret is in it. Names become paths only when they are DNS labels.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from funkhaus.domain.archive import ARCHIVE_LIMIT
from funkhaus.domain.kinds import CRON_JOB_TRIGGER, FUNCTION, HTTP_TRIGGER
from funkhaus_cli.failure import Exit, Failure
from funkhaus_cli.output import as_yaml

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1
HEAD = "tenant.yaml"
KINDS = {kind.name: kind.plural for kind in (FUNCTION, HTTP_TRIGGER, CRON_JOB_TRIGGER)}
"""Kinds that are exported, in the order they are imported, and their place in the API."""
FILE_LIMIT = 2 * 1024 * 1024
FILES_LIMIT = 20_000
_LABEL = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?\Z")
_HEX = re.compile(r"[0-9a-f]{64}\Z")
_LISTS = {
    "members": ("role",),
    "invitations": ("email", "role"),
    "serviceAccounts": ("name", "role"),
    "namespaces": ("name", "quota"),
}

Document = dict[str, Any]


@dataclass
class Space:
    """A namespace: its objects by kind and name, its archives by SHA-256 in hex."""

    objects: dict[tuple[str, str], Document] = field(default_factory=dict)
    archives: dict[str, bytes] = field(default_factory=dict)


@dataclass
class Bundle:
    """A tenant: `head` is tenant.yaml; namespaces by short name."""

    head: Document
    spaces: dict[str, Space] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The exported tenant's id."""
        return str(self.head["id"])


def write(bundle: Bundle, directory: Path) -> int:
    """Write it whole or not at all; how many files. Raises `Failure` where something is there already, or can't be made."""
    if directory.exists():
        raise Failure(f"{directory} exists already: name a directory that does not", Exit.USAGE)
    draft = directory.with_name(f".{directory.name}.{os.getpid()}")
    files = _files(bundle)
    try:
        for name, content in files.items():
            path = draft / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        draft.rename(directory)
    except OSError as error:
        raise Failure(f"{directory} can't be written: {error.strerror}", Exit.USAGE) from error
    return len(files)


def _files(bundle: Bundle) -> dict[str, bytes]:
    files = {HEAD: _text(bundle.head)}
    for name, space in bundle.spaces.items():
        home = f"namespaces/{_label(name)}"
        for (kind, item), document in space.objects.items():
            files[f"{home}/{kind.lower()}-{_label(item)}.yaml"] = _text(document)
        for digest, content in space.archives.items():
            files[f"{home}/archives/{digest}"] = content
    return files


def _text(document: Document) -> bytes:
    return (as_yaml(document).rstrip("\n") + "\n").encode()


def _label(name: str) -> str:
    if not _LABEL.match(name):
        raise Failure(f"the name {name!r} is no file name")
    return name


def read(directory: Path) -> Bundle:
    """All of it, checked, before anything is asked of the API; raises `Failure` (usage) naming the file that is wrong."""
    head = _document(directory / HEAD)
    if head.get("funkhausExport") != FORMAT:
        raise _wrong(directory / HEAD, f"funkhausExport has to be {FORMAT}")
    for key in ("id", "plan"):
        if not isinstance(head.get(key), str):
            raise _wrong(directory / HEAD, f"{key} has to be a text")
    for key, wanted in _LISTS.items():
        items = head.setdefault(key, [])
        if not isinstance(items, list) or not all(_has(item, wanted) for item in items):
            raise _wrong(
                directory / HEAD, f"{key} has to be a list of objects with {', '.join(wanted)}"
            )
    bundle = Bundle(head, {str(item["name"]): Space() for item in head["namespaces"]})
    count = 0
    for path in sorted((directory / "namespaces").glob("*/**/*")):
        if path.is_dir():
            continue
        count += 1
        if count > FILES_LIMIT:
            raise _wrong(directory, f"has more than {FILES_LIMIT} files")
        _place(bundle, path, path.relative_to(directory / "namespaces").parts)
    return bundle


def _place(bundle: Bundle, path: Path, parts: tuple[str, ...]) -> None:
    space = bundle.spaces.get(parts[0])
    if space is None:
        raise _wrong(path, f"{HEAD} names no namespace {parts[0]!r}")
    if parts[1:-1] == ("archives",):
        content = _content(path, ARCHIVE_LIMIT)
        if not _HEX.match(path.name) or hashlib.sha256(content).hexdigest() != path.name:
            raise _wrong(path, "is not the content its name says")
        space.archives[path.name] = content
        return
    document = _document(path)
    kind, meta = str(document.get("kind")), document.get("metadata")
    if kind not in KINDS:
        raise _wrong(path, f"kind has to be one of {', '.join(KINDS)}")
    if not isinstance(meta, dict) or not isinstance(meta.get("name"), str):
        raise _wrong(path, "metadata.name has to be a text")
    if not isinstance(document.get("spec"), dict):
        raise _wrong(path, "spec has to be an object")
    if (kind, meta["name"]) in space.objects:
        raise _wrong(path, f"is a second {kind} {meta['name']!r}")
    space.objects[kind, meta["name"]] = document


def _document(path: Path) -> Document:
    try:
        document = yaml.safe_load(_content(path, FILE_LIMIT))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _wrong(path, f"is not YAML: {error}") from error
    if not isinstance(document, dict):
        raise _wrong(path, "has to be one YAML object")
    return document


def _content(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise Failure(f"{path} can't be read: {error.strerror}", Exit.USAGE) from error
    if len(content) > limit:
        raise _wrong(path, f"has more than {limit} bytes")
    return content


def _has(item: object, keys: tuple[str, ...]) -> bool:
    return isinstance(item, dict) and all(key in item for key in keys)


def _wrong(path: Path, what: str) -> Failure:
    return Failure(f"{path}: {what}", Exit.USAGE)
