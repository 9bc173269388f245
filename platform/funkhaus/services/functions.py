"""Functions: deployed, changed and removed as the user; admission judges, the controller makes it so."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from funkhaus.domain.archive import sources_repository, unpack
from funkhaus.domain.errors import NotFoundError
from funkhaus.domain.function import DEFAULT_IDLE, Scaling
from funkhaus.domain.kinds import FUNCTION
from funkhaus.domain.permission import Permission
from funkhaus.services.resources import Place, ResourceService

if TYPE_CHECKING:
    from funkhaus.ports import Cluster, ImageRegistry, Manifest, Stores
    from funkhaus.services.acts import Acts, Asker


_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


class FunctionService(ResourceService):
    """Use cases on functions, beside those every resource has."""

    def __init__(
        self, stores: Stores, acts: Acts, cluster: Cluster, registry: ImageRegistry
    ) -> None:
        super().__init__(
            FUNCTION, "function", Permission.FUNCTION_READ, Permission.FUNCTION_WRITE, stores, acts, cluster,
        )  # fmt: skip
        self._registry = registry

    async def scale(self, asker: Asker, place: Place, name: str, scaling: Scaling) -> Manifest:
        """Set replicas, the CPU utilisation the autoscaler holds and when it sleeps; raises as `update` does."""
        idle = scaling.idle if scaling.idle != DEFAULT_IDLE else None  # as `funkhaus.crd.function`
        patch = {
            "scaling": {
                "min": scaling.min,
                "max": scaling.max,
                "cpuPercent": scaling.cpu_percent,
                "idle": idle,
            }
        }
        return await self.update(asker, place, name, patch)

    async def unscale(self, asker: Asker, place: Place, name: str) -> Manifest:
        """Back to one replica and no autoscaler."""
        return await self.scale(asker, place, name, Scaling())

    async def upload(self, asker: Asker, place: Place, content: bytes) -> str:
        """Store a source archive; returns its ``sha256:…``.

        Raises `InvalidError`/`TooLargeError` for what is no archive the platform would unpack.
        """
        action = "archive:upload"
        async with self._acts.doing(
            asker,
            Permission.FUNCTION_WRITE,
            place.tenant,
            place.text,
            action=action,
            namespace=place.namespace,
        ) as act:
            namespace = await self._namespace(place)
            await asyncio.to_thread(unpack, content)
            digest = await self._registry.put_archive(
                sources_repository(namespace.tenant, namespace.name), content
            )
            act.detail |= {"digest": digest, "bytes": len(content)}
            act.after = digest
        return digest

    async def download(self, asker: Asker, place: Place, digest: str) -> bytes:
        """An archive that was uploaded to this namespace; raises `NotFoundError`."""
        absent = NotFoundError(f"no archive {digest!r:.80} was uploaded to this namespace")
        async with self._acts.reading(
            asker,
            Permission.FUNCTION_READ,
            place.tenant,
            f"{place.text}/{digest:.80}",
            namespace=place.namespace,
        ):
            namespace = await self._namespace(place)
            if not _DIGEST.match(digest):
                raise absent
            try:
                return await self._registry.archive(
                    sources_repository(namespace.tenant, namespace.name), digest
                )
            except NotFoundError as error:
                raise absent from error
