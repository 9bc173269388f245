"""Writing down what was seen: the status of an object, only when it says something new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from funkhaus.crd.conditions import Condition, merged
from funkhaus.domain.errors import ConflictError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from funkhaus.ports import Clock, Cluster, Manifest
    from funkhaus.services.materialisation.happenings import Happenings


class Standing:
    """Status writer for all kinds."""

    def __init__(self, cluster: Cluster, clock: Clock, happenings: Happenings) -> None:
        self._cluster, self._clock, self._happenings = cluster, clock, happenings

    async def write(
        self,
        manifest: Manifest,
        conditions: Iterable[Condition],
        fields: dict[str, Any] | None = None,
    ) -> None:
        """Set `fields` and merge `conditions` into the status of exactly this object; Events for what changed.

        Without `fields` the rest of the status stays as it was; with them every other field goes. An object that is gone
        by now has no status to keep.
        """
        before = manifest.get("status") or {}
        meta = manifest["metadata"]
        generation = int(meta.get("generation", 0))
        old = before.get("conditions") or []
        after = merged(old, conditions, generation, self._clock.now())
        rest = before if fields is None else fields
        status = {**rest, "observedGeneration": generation, "conditions": after}
        if status == before:
            return
        try:
            await self._cluster.apply_status(
                {
                    "apiVersion": manifest["apiVersion"],
                    "kind": manifest["kind"],
                    "metadata": {
                        key: meta[key] for key in ("namespace", "name", "uid") if key in meta
                    },
                    "status": status,
                }
            )
        except (NotFoundError, ConflictError):
            return
        await self._happenings.conditions(manifest, old, after)
