"""The image registry with a counter on it: use cases don't know metrics, doors do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus import metrics
from funkhaus.domain.errors import FunkhausError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from funkhaus.ports import ImageRegistry


class CountedRegistry:
    """Counts images assembled, by outcome; passes everything on."""

    def __init__(self, registry: ImageRegistry) -> None:
        self._registry = registry

    async def push_function(self, base: str, repository: str, files: Mapping[str, bytes]) -> str:
        """As the port has it."""
        try:
            reference = await self._registry.push_function(base, repository, files)
        except FunkhausError as error:
            metrics.IMAGE_PUSHES.labels(error.code).inc()
            raise
        metrics.IMAGE_PUSHES.labels("pushed").inc()
        return reference

    async def put_archive(self, repository: str, content: bytes) -> str:
        """As the port has it."""
        return await self._registry.put_archive(repository, content)

    async def archive(self, repository: str, digest: str) -> bytes:
        """As the port has it."""
        return await self._registry.archive(repository, digest)
