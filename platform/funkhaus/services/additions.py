"""RFC 6902 patches that only add what is absent: applying one twice is applying it once, and no value is overwritten."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from funkhaus.ports import Manifest


def additions(
    manifest: Manifest, fields: Iterable[tuple[tuple[str, ...], Any]]
) -> tuple[dict[str, Any], ...]:
    """The operations that give `manifest` each field (keys from the top down, value) it does not have.

    Null counts as absent, as it does for kube-apiserver. A field below something that is no object is left out: the
    schema refuses such an object anyway.
    """
    patched = copy.deepcopy(manifest)
    found = (_addition(patched, path, value) for path, value in fields)
    return tuple(operation for operation in found if operation)


def applied(manifest: Manifest, operations: Iterable[dict[str, Any]]) -> Manifest:
    """The manifest after operations of ours: additions, and replacements of what is there."""
    changed = copy.deepcopy(manifest)
    for operation in operations:
        *above, last = (_plain(part) for part in operation["path"].split("/")[1:])
        parent: Any = changed
        for key in above:
            parent = parent[key]
        parent[last] = copy.deepcopy(operation["value"])
    return changed


def _addition(document: Manifest, path: tuple[str, ...], value: Any) -> dict[str, Any] | None:  # noqa: ANN401 - any JSON
    """Add to `document` in place; the operation that does the same, or none."""
    parent: Any = document
    for depth, key in enumerate(path):
        if not isinstance(parent, dict):
            return None
        if parent.get(key) is None:
            for missing in reversed(path[depth + 1 :]):
                value = {missing: value}
            parent[key] = value
            return {
                "op": "add",
                "path": "".join(f"/{_escaped(part)}" for part in path[: depth + 1]),
                "value": copy.deepcopy(value),
            }
        parent = parent[key]
    return None


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _plain(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")
