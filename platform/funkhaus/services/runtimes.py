"""The catalogue of runtimes. Which of them a plan allows is policy's to say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus import logs
from funkhaus.crd import runtime as runtime_crd
from funkhaus.domain.errors import InvalidError
from funkhaus.domain.kinds import RUNTIME
from funkhaus.domain.permission import Permission, require_scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from funkhaus.domain.runtime import Runtime
    from funkhaus.ports import Cluster, Manifest
    from funkhaus.services.acts import Asker

_LOG = logs.logger(__name__)


class RuntimeService:
    """Use cases on runtimes. They are everybody's: no role is needed, and a token whose scopes name them."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def list(self, asker: Asker) -> Sequence[Runtime]:
        """All runtimes, by id; one that can't be read is left out and logged. Raises `ForbiddenError`."""
        require_scope(asker.subject, Permission.RUNTIME_READ)
        found = await self._cluster.list(RUNTIME)
        parsed = (runtime for manifest in found if (runtime := _parsed(manifest)))
        return sorted(parsed, key=lambda runtime: runtime.id)


def _parsed(manifest: Manifest) -> Runtime | None:
    try:
        return runtime_crd.parse(manifest)
    except (InvalidError, ValueError) as error:
        _LOG.warning("runtime unreadable", runtime=manifest["metadata"]["name"], error=str(error))
        return None
