"""Keeping owned objects as they should be: repair what drifted, leave alone what fits, never touch a stranger's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from funkhaus.domain.errors import ConflictError
from funkhaus.domain.kinds import (
    INGRESS,
    NETWORK_POLICY,
    RESOURCE_QUOTA,
    SERVICE,
    Kind,
    kind_of,
)
from funkhaus.domain.quantity import parse
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from funkhaus.manifests.labels import Owner
    from funkhaus.ports import Cluster, Manifest

EXACT: dict[str, tuple[tuple[str, ...], ...]] = {
    NETWORK_POLICY.name: (("spec",),),
    RESOURCE_QUOTA.name: (("spec",),),
    INGRESS.name: (("spec",),),
    SERVICE.name: (("spec", "selector"), ("spec", "externalIPs")),
}
"""Where a field that we do not write must not be there at all: one more rule is a way in, one more label selects no pod.

Server-side apply leaves what others own, so such fields are taken away by a patch of their own.
"""
_QUANTITIES = {"requests", "limits", "hard", "default", "defaultRequest", "emptyDir"}


class ForeignError(ConflictError):
    """An object of that name exists and was not made for this owner."""

    @classmethod
    def of(cls, kind: Kind, name: str) -> ForeignError:
        """For the object in the way."""
        finding = Finding(
            code="object-foreign",
            message=f"a {kind.name} named {name!r} exists and is not the platform's: delete it, or use another name",
            path="metadata.name",
            value=name,
        )
        return cls(finding.message, findings=[finding])


async def ensure(
    cluster: Cluster, wanted: Manifest, owner: Owner, live: Manifest | None = None
) -> Manifest:
    """Have `wanted` in the cluster; `live` is the object if it was read already.

    Writes only when something differs, also where a stranger added a field to what is `EXACT`. Raises `ForeignError` for an
    object of that name that is not `owner`'s.
    """
    kind, meta = kind_of(wanted), wanted["metadata"]
    if live is None:
        live = await cluster.get(kind, meta.get("namespace", ""), meta["name"])
    if live is None:
        # Without force: should a stranger's object turn up just now, its fields win and this is a conflict.
        return await cluster.apply(wanted)
    if not owner.owns(live):
        raise ForeignError.of(kind, meta["name"])
    if not covers(live, wanted):
        bound = {**wanted, "metadata": {**meta, "uid": live["metadata"]["uid"]}}
        live = await cluster.apply(bound, force=True)
    if added := strays(kind, live, wanted):
        unchanged = {"resourceVersion": live["metadata"]["resourceVersion"]}
        live = await cluster.merge_patch(
            kind, meta.get("namespace", ""), meta["name"], {**added, "metadata": unchanged}
        )
    return live


async def remove(cluster: Cluster, live: Manifest | None, owner: Owner) -> bool:
    """Delete that very object if it is `owner`'s; whether it was deleted."""
    if live is None or not owner.owns(live):
        return False
    meta = live["metadata"]
    return await cluster.delete(
        kind_of(live), meta.get("namespace", ""), meta["name"], uid=meta["uid"]
    )


def strays(kind: Kind, live: Manifest, wanted: Manifest) -> Manifest:
    """The patch (RFC 7396) that takes away what `live` has beside `wanted` where its kind is `EXACT`; empty for nothing."""
    patch: Manifest = {}
    for path in EXACT.get(kind.name, ()):
        here, there, target = live, wanted, patch
        for part in path[:-1]:
            here, there = here.get(part) or {}, there.get(part) or {}
            target = target.setdefault(part, {})
        last = path[-1]
        if last in here:
            found = _beside(here[last], there.get(last))
            if found is not _SAME:
                target[last] = found
    return _without_empty(patch)


_SAME: Any = object()


def _beside(live: Any, wanted: Any) -> Any:  # noqa: ANN401 - any JSON
    if wanted is None:
        return None
    if isinstance(live, dict) and isinstance(wanted, dict):
        inner = {key: _beside(value, wanted.get(key)) for key, value in live.items()}
        changed = {key: value for key, value in inner.items() if value is not _SAME}
        return changed or _SAME
    if isinstance(live, list) and isinstance(wanted, list) and len(live) == len(wanted):
        pairs = zip(live, wanted, strict=True)
        return _SAME if all(_beside(*pair) is _SAME for pair in pairs) else wanted
    return _SAME  # a value: `covers` has compared it


def _without_empty(patch: Manifest) -> Manifest:
    return {key: value for key, value in patch.items() if value != {}}


def covers(live: Any, wanted: Any, key: str = "") -> bool:  # noqa: ANN401 - any JSON
    """Whether everything `wanted` says is so in `live`, which may say more; quantities are compared by value."""
    if isinstance(wanted, dict):
        if not isinstance(live, dict):
            return not wanted and live is None
        inner = key if key in _QUANTITIES else ""
        return all(covers(live.get(name), value, inner or name) for name, value in wanted.items())
    if isinstance(wanted, list):
        have = live or []
        return (
            isinstance(have, list)
            and len(have) == len(wanted)
            and all(covers(one, other, key) for one, other in zip(have, wanted, strict=True))
        )
    if live == wanted:
        return True
    if key in _QUANTITIES and isinstance(live, str) and isinstance(wanted, str):
        number = parse(wanted)
        return number is not None and number == parse(live)
    return False
