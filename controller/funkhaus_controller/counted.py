"""The image registry with a counter on it: use cases don't know metrics, doors do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funkhaus import metrics
from funkhaus.domain.errors import FunkhausError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from funkhaus.domain.checkout import Checkout
    from funkhaus.domain.packages import PackagesLayer
    from funkhaus.ports import ImageRegistry


class CountedRegistry:
    """Counts images assembled, by outcome; passes everything on."""

    def __init__(self, registry: ImageRegistry) -> None:
        self._registry = registry

    async def push_function(
        self,
        base: str,
        repository: str,
        files: Mapping[str, bytes],
        packages: PackagesLayer | None = None,
    ) -> str:
        """As the port has it."""
        try:
            reference = await self._registry.push_function(base, repository, files, packages)
        except FunkhausError as error:
            metrics.IMAGE_PUSHES.labels(error.code).inc()
            raise
        metrics.IMAGE_PUSHES.labels("pushed").inc()
        return reference

    async def put_archive(self, repository: str, content: bytes) -> str:
        """As the port has it."""
        return await self._registry.put_archive(repository, content)

    async def keep_checkout(
        self, repository: str, key: str, content: bytes, commit: str
    ) -> Checkout:
        """As the port has it."""
        return await self._registry.keep_checkout(repository, key, content, commit)

    async def checkout(self, repository: str, key: str) -> Checkout | None:
        """As the port has it."""
        return await self._registry.checkout(repository, key)

    async def has_archive(self, repository: str, digest: str) -> bool:
        """As the port has it."""
        return await self._registry.has_archive(repository, digest)

    async def archive(self, repository: str, digest: str) -> bytes:
        """As the port has it."""
        return await self._registry.archive(repository, digest)

    async def packages(self, repository: str, key: str) -> PackagesLayer | None:
        """As the port has it."""
        return await self._registry.packages(repository, key)

    async def push_packages(
        self, repository: str, key: str, result: Path, log: bytes
    ) -> PackagesLayer:
        """As the port has it."""
        return await self._registry.push_packages(repository, key, result, log)

    async def packages_log(self, repository: str, key: str) -> bytes:
        """As the port has it."""
        return await self._registry.packages_log(repository, key)

    async def forget(self, below: str, *, limit: int = 200) -> int | None:
        """As the port has it."""
        return await self._registry.forget(below, limit=limit)
