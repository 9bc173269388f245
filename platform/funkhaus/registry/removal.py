"""Taking everything below a name out of a registry, as far as it lets itself be asked.

The distribution spec has deleting and listing tags, but no listing of repositories: ``/v2/_catalog`` is what
https://distribution.github.io/distribution/ and its kin have. A registry without it, or one that deletes nothing, keeps
what it has; then it is collected there, by the names that the platform gives (`funkhaus.domain.archive`).
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from funkhaus.domain.errors import NotFoundError
from funkhaus.registry.image import digest_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from funkhaus.registry.wire import Wire

PAGE = 100
"""Names asked for at once."""
PAGES = 1000
"""Of one list."""
LIST_LIMIT = 1024 * 1024
AT_ONCE = 4
"""Blobs deleted at the same time."""


class KeptError(Exception):
    """The registry does not say what it has, or keeps it."""


async def remove_below(wire: Wire, root: str, limit: int) -> int:
    """Delete up to `limit` manifests with their blobs in the repository `root` and those below it; how many that were.

    Raises `KeptError`, `UnavailableError`.
    """
    count = 0
    async for repository in _repositories(wire, root):
        async for tag in _names(wire, f"{repository}/tags/list", "tags", ""):
            if count >= limit:
                return count
            count += await _remove(wire, repository, tag)
    return count


async def _repositories(wire: Wire, root: str) -> AsyncIterator[str]:
    yield root
    async for repository in _names(wire, "_catalog", "repositories", f"{root}/"):
        if not repository.startswith(f"{root}/"):
            return  # they are sorted
        yield repository


async def _names(wire: Wire, path: str, key: str, after: str) -> AsyncIterator[str]:
    """A list in pages; a repository that is empty, or went meanwhile, has no tags."""
    for _ in range(PAGES):
        last = f"&last={quote(after, safe='')}" if after else ""
        body = await wire.listing(f"{path}?n={PAGE}{last}", LIST_LIMIT)
        if body is None:
            if key == "tags":
                return
            raise KeptError
        names = json.loads(body).get(key) or []
        for name in names:
            yield name
        if len(names) < PAGE:
            return
        after = names[-1]


async def _remove(wire: Wire, repository: str, tag: str) -> int:
    """A manifest by its digest, for that takes its tags along, then what it alone refers to."""
    try:
        content = await wire.manifest(repository, tag, LIST_LIMIT * 4)
    except NotFoundError:
        return 0
    if not await wire.delete(f"{repository}/manifests/{digest_of(content)}"):
        raise KeptError
    manifest: dict[str, Any] = json.loads(content)
    blobs = [manifest.get("config") or {}, *(manifest.get("layers") or [])]
    turns = asyncio.Semaphore(AT_ONCE)

    async def remove(digest: str) -> None:
        async with turns:
            await wire.delete(f"{repository}/blobs/{digest}")

    await asyncio.gather(*(remove(item["digest"]) for item in blobs if "digest" in item))
    return 1
