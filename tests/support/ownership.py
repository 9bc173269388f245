"""Server-side apply on plain objects: who owns which field, what merges and what conflicts.

Lists merge by the key Kubernetes merges them by; all others are one value. Enough for the kinds the platform writes.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from funkhaus.domain.errors import ConflictError
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

Manifest = dict[str, Any]
Path = tuple[Any, ...]
_LIST_KEYS = {
    "ownerReferences": "uid",
    "conditions": "type",
    "containers": "name",
    "volumes": "name",
    "env": "name",
}
_SETS = {"finalizers"}
_SERVER = {"uid", "resourceVersion", "generation", "creationTimestamp", "name", "namespace"}


def body(manifest: Manifest) -> Manifest:
    """What can be owned: without identity and what the server writes."""
    meta = {
        key: value for key, value in (manifest.get("metadata") or {}).items() if key not in _SERVER
    }
    rest = {
        key: value
        for key, value in manifest.items()
        if key not in {"apiVersion", "kind", "metadata"}
    }
    return {**({"metadata": meta} if meta else {}), **rest}


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of all values that are owned as one; entries of keyed lists and sets are part of the path."""
    name = path[-1] if path else ""
    if isinstance(value, dict) and (value or not path):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list) and name in _LIST_KEYS:
        key = _LIST_KEYS[name]
        for item in value:
            yield from leaves(item, (*path, (key, item[key])))
    elif isinstance(value, list) and name in _SETS:
        for item in value:
            yield (*path, ("=", item))
    else:
        yield path


def apply(
    live: Manifest, wanted: Manifest, owned: dict[str, set[Path]], manager: str, *, force: bool
) -> Manifest:
    """`live` with `wanted` applied by `manager`; `owned` is changed in place.

    Raises `ConflictError` when another manager owns a field with another value and `force` is false.
    """
    changed = copy.deepcopy(live)
    mine = list(leaves(wanted))
    theirs = {path: who for who, paths in owned.items() if who != manager for path in paths}
    conflicts = [
        Finding("field-manager-conflict", f'conflict with "{theirs[path]}"', _text(path))
        for path in mine
        if path in theirs and _read(live, path) != _read(wanted, path)
    ]
    if conflicts and not force:
        raise ConflictError("Apply failed with conflicts", findings=conflicts)
    for paths in (paths for who, paths in owned.items() if who != manager):
        paths -= {path for path in mine if _read(live, path) != _read(wanted, path)}
    # The key of a list's entry goes last: without it the entry's other fields are not found again.
    for path in sorted(owned.get(manager, set()) - set(mine) - theirs.keys(), key=_is_key):
        _remove(changed, path)
    for path in mine:
        _write(changed, path, _read(wanted, path))
    owned[manager] = set(mine)
    return changed


def _is_key(path: Path) -> bool:
    """Whether a path is the key field of a keyed list's entry."""
    entry = path[-2] if len(path) > 1 else None
    return isinstance(entry, tuple) and entry[0] == path[-1]


def merge_patch(live: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = copy.deepcopy(live) if isinstance(live, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def _text(path: Path) -> str:
    return ".".join(str(part) for part in path)


def _step(value: Any, part: Any) -> Any:
    if isinstance(part, tuple):
        key, wanted = part
        if key == "=":
            return wanted if wanted in (value or []) else None
        return next((item for item in value or [] if item.get(key) == wanted), None)
    return value.get(part) if isinstance(value, dict) else None


def _read(value: Any, path: Path) -> Any:
    for part in path:
        value = _step(value, part)
    return value


def _write(root: Manifest, path: Path, new: Any) -> None:
    here: Any = root
    for part, after in zip(path, (*path[1:], None), strict=True):
        last = after is None
        if isinstance(part, tuple):
            key, wanted = part
            if key == "=":
                if wanted not in here:
                    here.append(wanted)
                return
            found = _step(here, part)
            if found is None:
                found = {key: wanted}
                here.append(found)
            here = found
        elif last:
            if not (new == {} and isinstance(here.get(part), dict)):  # an empty object merges
                here[part] = copy.deepcopy(new)
        else:
            empty: Any = [] if isinstance(after, tuple) else {}
            if not isinstance(here.get(part), type(empty)):
                here[part] = empty
            here = here[part]


def _remove(root: Manifest, path: Path) -> None:
    """Take a value away, and every container that is empty without it."""
    parent = _read(root, path[:-1])
    part = path[-1]
    if isinstance(part, tuple) and isinstance(parent, list):
        item = _step(parent, part)
        if part[0] == "=" and item is not None:
            parent.remove(item)
    elif isinstance(parent, dict):
        parent.pop(part, None)
    if len(path) > 1 and _bare(parent, path):
        _prune(root, path[:-1])


def _bare(parent: Any, path: Path) -> bool:
    entry = path[-2]
    if isinstance(entry, tuple) and isinstance(parent, dict):
        return set(parent) <= {entry[0]}
    return parent in ({}, [])


def _prune(root: Manifest, path: Path) -> None:
    if isinstance(path[-1], tuple):
        holder = _read(root, path[:-1])
        item = _step(holder, path[-1])
        if item is not None:
            holder.remove(item)
        if not holder:
            _remove(root, path[:-1])
    else:
        _remove(root, path)
