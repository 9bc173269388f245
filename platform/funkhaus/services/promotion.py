"""One revision for all calls: the Function comes to ask for it, and then no trigger splits any more.

In that order, so that no call is led to anything that does not serve: while the revision takes over, splits stand. So it
may take two goes, and asking again is what brings it on; nothing has to be remembered between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus.crd import revision as revision_crd
from funkhaus.domain.errors import ConflictError
from funkhaus.domain.kinds import HTTP_TRIGGER
from funkhaus.domain.permission import Permission
from funkhaus.services.revisions import OF_REVISIONS, named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.domain.revision import Kept
    from funkhaus.domain.tenant import Namespace
    from funkhaus.ports import Cluster, Manifest
    from funkhaus.services.acts import Asker
    from funkhaus.services.functions import FunctionService
    from funkhaus.services.resources import Place, ResourceService
    from funkhaus.services.revisions import RevisionService

TRIGGERS = 500
"""Of a namespace that are looked at."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """How far it is: `done` once the revision serves and no trigger of the function splits; `triggers` are the names of
    those that were changed just now, or would be in a dry run.
    """

    revision: str
    done: bool
    function: Manifest
    triggers: tuple[str, ...] = ()


class PromotionService:
    """The use case."""

    def __init__(
        self,
        functions: FunctionService,
        triggers: ResourceService,
        revisions: RevisionService,
        cluster: Cluster,
    ) -> None:
        self._functions, self._triggers = functions, triggers
        self._revisions, self._cluster = revisions, cluster

    async def promote(
        self, asker: Asker, place: Place, name: str, revision: str = "", *, dry_run: bool = False
    ) -> Promotion:
        """One go at leading all calls to `revision`, or to the one that was asked for last without one.

        Raises `ConflictError` where no revision is named and no trigger splits, and as `RevisionService.rollback` and
        `ResourceService.update` do: today's rules judge both changes.
        """
        async with self._functions.reading(asker, place, Permission.FUNCTION_WRITE, name) as where:
            function, found = await self._revisions.read(asker, where, name)
            splits = await self._splits(asker, where, name)
        status = function.get("status") or {}
        if not revision and not splits:
            raise ConflictError(
                f"no trigger of function {name!r} splits its calls, so there is nothing to promote; "
                f"name a revision to serve, `funkhaus function history {name}` lists them"
            )
        latest = str(status.get("latestRevision") or status.get("revision") or "")
        target = named(found, name, revision or latest)
        seen = status.get("observedGeneration", 0) >= function["metadata"].get("generation", 0)
        if not seen and not revision:
            raise ConflictError(
                f"function {name!r} was changed a moment ago and which revision that is nobody knows yet; "
                "try again, or name one"
            )
        if not (seen and latest == target.name):
            if not _asks_for(function, target):
                function = await self._revisions.rollback(
                    asker, place, name, target.name, dry_run=dry_run, verb="promote"
                )
            if not dry_run:
                return Promotion(target.name, done=False, function=function)
        elif status.get("revision") != target.name and not dry_run:
            return Promotion(target.name, done=False, function=function)
        for trigger in splits:
            await self._triggers.update(
                asker, place, trigger, {"backends": None},
                dry_run=dry_run, verb="promote", detail={"revision": target.name},
            )  # fmt: skip
        return Promotion(target.name, done=not dry_run, function=function, triggers=splits)

    async def _splits(self, asker: Asker, where: Namespace, name: str) -> tuple[str, ...]:
        """The function's triggers that split."""
        triggers: Sequence[Manifest] = await self._cluster.list(
            HTTP_TRIGGER, where.cluster_name, limit=TRIGGERS, subject=asker.subject
        )
        return tuple(
            sorted(
                item["metadata"]["name"]
                for item in triggers
                if item["spec"].get("function") == name and item["spec"].get("backends")
            )
        )


def _asks_for(function: Manifest, target: Kept) -> bool:
    """Whether the spec is the revision's already, though the controller may not have seen that yet."""
    spec = function.get("spec") or {}
    mine = {key: value for key, value in spec.items() if key in OF_REVISIONS}
    return mine == revision_crd.asked_for(target.spec)
