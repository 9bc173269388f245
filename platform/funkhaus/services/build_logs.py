"""What a function's build wrote: of the pod while there is one, else as the registry keeps it with what was built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus.crd import conditions
from funkhaus.crd import revision as revision_crd
from funkhaus.domain import packages
from funkhaus.domain.errors import ConflictError, NotFoundError
from funkhaus.domain.kinds import FUNCTION_REVISION, POD
from funkhaus.domain.permission import Permission
from funkhaus.manifests import labels
from funkhaus.manifests.build import COMPONENT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from funkhaus.ports import Cluster, ImageRegistry, Manifest
    from funkhaus.services.acts import Asker
    from funkhaus.services.functions import FunctionService
    from funkhaus.services.resources import Place

PODS, REVISIONS = 50, 200
"""Read at most."""
TAIL = 10_000
"""Lines of a pod's log, the last ones."""


class BuildLogService:
    """Logs of builds; pods are read as the user."""

    def __init__(
        self, functions: FunctionService, cluster: Cluster, registry: ImageRegistry
    ) -> None:
        self._functions, self._cluster, self._registry = functions, cluster, registry

    async def lines(
        self, asker: Asker, place: Place, name: str, *, follow: bool
    ) -> AsyncIterator[bytes]:
        """Of the function's newest build.

        Raises, before the first line, `NotFoundError` and `ForbiddenError`, and `ConflictError` when nothing was built.
        """
        async with self._functions.reading(asker, place, Permission.FUNCTION_LOGS, name) as where:
            function = await self._functions.one(asker, where, name)
            pods = await self._cluster.list(
                POD,
                where.cluster_name,
                labels={labels.BUILD: name, labels.COMPONENT: COMPONENT},
                limit=PODS,
                subject=asker.subject,
            )
            if pods:
                newest = max(pods, key=_made)["metadata"]["name"]
                return self._cluster.logs(
                    where.cluster_name,
                    newest,
                    container=COMPONENT,
                    tail=TAIL,
                    follow=follow,
                    subject=asker.subject,
                )
            revisions = await self._cluster.list(
                FUNCTION_REVISION,
                where.cluster_name,
                labels={labels.FUNCTION: name},
                limit=REVISIONS,
                subject=asker.subject,
            )
        key = _key(function, revisions)
        if not key:
            raise ConflictError(f"function {name!r} has no build{_why(function)}")
        try:
            kept = await self._registry.packages_log(packages.repository(place.tenant), key)
        except NotFoundError as error:
            raise ConflictError(
                f"the log of function {name!r}'s build is not kept any more"
            ) from error
        return _whole(kept)


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _made(manifest: Manifest) -> str:
    return str(manifest["metadata"].get("creationTimestamp") or "")


def _key(function: Manifest, revisions: Sequence[Manifest]) -> str:
    """What the revision asked for last was built of, or the newest that was built of anything."""
    latest = str((function.get("status") or {}).get("latestRevision") or "")
    newest = sorted(
        revisions, key=lambda item: (item["metadata"]["name"] == latest, _made(item)), reverse=True
    )
    keys = (revision_crd.parse(item).packages_key for item in newest)
    return next((key for key in keys if key), "")


def _why(function: Manifest) -> str:
    built = conditions.find(function, conditions.BUILT)
    return f"; {built.get('reason')}: {built.get('message')}" if built else ""
