"""Keeping owned objects as they should be: repair what drifted, leave alone what fits, never touch a stranger's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from funkhaus.domain.errors import ConflictError
from funkhaus.domain.kinds import Kind, kind_of
from funkhaus.domain.quantity import parse
from funkhaus.domain.verdict import Finding

if TYPE_CHECKING:
    from funkhaus.manifests.labels import Owner
    from funkhaus.ports import Cluster, Manifest

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

    Writes only when something differs. Raises `ForeignError` for an object of that name that is not `owner`'s.
    """
    kind, meta = kind_of(wanted), wanted["metadata"]
    if live is None:
        live = await cluster.get(kind, meta.get("namespace", ""), meta["name"])
    if live is None:
        # Without force: should a stranger's object turn up just now, its fields win and this is a conflict.
        return await cluster.apply(wanted)
    if not owner.owns(live):
        raise ForeignError.of(kind, meta["name"])
    if covers(live, wanted):
        return live
    bound = {**wanted, "metadata": {**meta, "uid": live["metadata"]["uid"]}}
    return await cluster.apply(bound, force=True)


async def remove(cluster: Cluster, live: Manifest | None, owner: Owner) -> bool:
    """Delete that very object if it is `owner`'s; whether it was deleted."""
    if live is None or not owner.owns(live):
        return False
    meta = live["metadata"]
    return await cluster.delete(
        kind_of(live), meta.get("namespace", ""), meta["name"], uid=meta["uid"]
    )


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
