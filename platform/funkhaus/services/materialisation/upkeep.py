"""Keeping owned objects as they should be: repair what drifted and say so, leave alone what fits, never touch a stranger's.

What is applied carries the digest of all it says. So an object that does not say it any more, under that very digest, was
changed by somebody else; under another one it is we who want something new.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from funkhaus.domain.errors import ConflictError
from funkhaus.domain.kinds import (
    HTTP_ROUTE,
    INGRESS,
    NETWORK_POLICY,
    RESOURCE_QUOTA,
    SERVICE,
    Kind,
    kind_of,
)
from funkhaus.domain.quantity import parse
from funkhaus.domain.verdict import Finding
from funkhaus.manifests import labels

if TYPE_CHECKING:
    from funkhaus.manifests.labels import Owner
    from funkhaus.ports import Cluster, Manifest
    from funkhaus.services.materialisation.happenings import Happenings

EXACT: dict[str, tuple[tuple[str, ...], ...]] = {
    NETWORK_POLICY.name: (("spec",),),
    RESOURCE_QUOTA.name: (("spec",),),
    INGRESS.name: (("spec",),),
    HTTP_ROUTE.name: (("spec",),),
    SERVICE.name: (("spec", "selector"), ("spec", "externalIPs")),
}
"""Where a field that we do not write must not be there at all: one more rule is a way in, one more label selects no pod.

Server-side apply leaves what others own, so such fields are taken away by a patch of their own.
"""
PLACES = 3
"""How many paths an Event names."""
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


class Upkeep:
    """Has objects in the cluster; what was repaired is an Event on the object they are there for."""

    def __init__(self, cluster: Cluster, happenings: Happenings) -> None:
        self._cluster, self._happenings = cluster, happenings

    async def ensure(
        self, wanted: Manifest, owner: Owner, live: Manifest | None = None
    ) -> Manifest:
        """Have `wanted` in the cluster; `live` is the object if it was read already.

        Writes only when something differs, also where a stranger added a field to what is `EXACT`. Raises `ForeignError`
        for an object of that name that is not `owner`'s.
        """
        kind, wanted = kind_of(wanted), _marked(wanted)
        meta = wanted["metadata"]
        namespace, name = meta.get("namespace", ""), meta["name"]
        if live is None:
            live = await self._cluster.get(kind, namespace, name)
        if live is None:
            # Without force: should a stranger's object turn up just now, its fields win and this is a conflict.
            return await self._cluster.apply(wanted)
        if not owner.owns(live):
            raise ForeignError.of(kind, name)
        was = live
        if not covers(live, wanted):
            live = await self.take_over(wanted, live)
        if added := strays(kind, live, wanted):
            unchanged = {"resourceVersion": live["metadata"]["resourceVersion"]}
            live = await self._cluster.merge_patch(
                kind, namespace, name, {**added, "metadata": unchanged}
            )
        if live is not was and _mark(was) == _mark(wanted):
            where = ", ".join(differences(was, wanted)[:PLACES] or sorted(places(added))[:PLACES])
            said = (
                f"{kind.name} {name} was changed by somebody else at {where}; it is as it was again"
            )
            await self._happenings.repaired(owner, namespace, said)
        return live

    async def take_over(self, wanted: Manifest, live: Manifest) -> Manifest:
        """Have this very object be as wanted, whoever's it was."""
        wanted = _marked(wanted)
        bound = {**wanted["metadata"], "uid": live["metadata"]["uid"]}
        return await self._cluster.apply({**wanted, "metadata": bound}, force=True)


def _marked(wanted: Manifest) -> Manifest:
    meta = wanted["metadata"]
    if labels.APPLIED in (meta.get("annotations") or {}):
        return wanted
    text = json.dumps(wanted, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    annotations = {**(meta.get("annotations") or {}), labels.APPLIED: digest}
    return {**wanted, "metadata": {**meta, "annotations": annotations}}


def _mark(manifest: Manifest) -> str:
    annotations = manifest["metadata"].get("annotations") or {}
    return str(annotations.get(labels.APPLIED, ""))


def differences(live: Any, wanted: Any, path: str = "") -> list[str]:  # noqa: ANN401 - any JSON
    """Paths at which `live` does not say what `wanted` does, lists as a whole."""
    if covers(live, wanted, path.rpartition(".")[2]):
        return []
    if not (isinstance(live, dict) and isinstance(wanted, dict)):
        return [path]
    return [
        found
        for key, value in wanted.items()
        for found in differences(live.get(key), value, f"{path}.{key}" if path else key)
    ]


def places(patch: Manifest, path: str = "") -> list[str]:
    """Paths of a patch's leaves."""
    return [
        found
        for key, value in patch.items()
        for here in [f"{path}.{key}" if path else key]
        for found in (places(value, here) if isinstance(value, dict) and value else [here])
    ]


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
