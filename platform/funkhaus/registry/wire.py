"""The OCI distribution protocol as far as we speak it, with time-outs, bounds and retries.

https://github.com/opencontainers/distribution-spec, version 1.1.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import urljoin

import aiohttp

from funkhaus.domain.errors import (
    FunkhausError,
    NotFoundError,
    TimedOutError,
    TooLargeError,
    UnavailableError,
)
from funkhaus.registry.image import DOCKER_MANIFEST, MANIFEST, digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping

PAUSES = (0.2, 0.8, 2.0)
"""Seconds before each further try."""
QUICK, LONG = 10.0, 120.0
"""Seconds for a question, and for moving a blob."""
MANIFESTS = f"{MANIFEST}, {DOCKER_MANIFEST}, */*;q=0.1"
"""Without them named a registry denies having an OCI manifest."""
_OK, _CREATED, _ACCEPTED, _MISSING, _ERRORS = 200, 201, 202, 404, 500
_NOT_FOR_US = {401, 403, 404, 405, 501}
"""What a registry answers that does not list, or delete, for us."""
_SLOW_DOWN = 429


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    body: bytes
    location: str


class Wire:
    """One registry at ``http[s]://host``; paths are below ``/v2/``."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, *, pauses: tuple[float, ...] = PAUSES
    ) -> None:
        self._session, self._url, self._pauses = session, url, pauses

    async def has(self, path: str) -> bool:
        """Whether a manifest or blob is there."""
        answer = await self._ask("HEAD", path, headers={"Accept": MANIFESTS})
        if answer.status in {_OK, _MISSING}:
            return answer.status == _OK
        raise _unexpected(f"HEAD {path}", answer)

    async def fetch(self, path: str, digest: str, limit: int) -> bytes:
        """A manifest or blob whose digest is checked; raises `NotFoundError`."""
        answer = await self._ask("GET", path, headers={"Accept": MANIFESTS}, limit=limit)
        if answer.status == _MISSING:
            raise NotFoundError(f"the registry has no {path}")
        if answer.status != _OK:
            raise _unexpected(f"GET {path}", answer)
        if digest_of(answer.body) != digest:
            raise UnavailableError(
                f"the registry answered {path} with other content than asked for"
            )
        return answer.body

    async def push_blob(self, repository: str, content: bytes) -> None:
        """Upload unless it is there already; an upload that breaks begins again."""
        await self._push(repository, digest_of(content), content)

    async def push_file(self, repository: str, digest: str, path: Path) -> None:
        """Upload a file of that digest, likewise, without reading it as a whole."""
        await self._push(repository, digest, path)

    async def _push(self, repository: str, digest: str, content: bytes | Path) -> None:
        if await self.has(f"{repository}/blobs/{digest}"):
            return None
        error: FunkhausError | None = None
        for pause in (0.0, *self._pauses):
            await asyncio.sleep(pause)
            try:
                return await self._upload(repository, digest, content)
            except UnavailableError as broken:
                error = broken
        raise error or UnavailableError

    async def _upload(self, repository: str, digest: str, content: bytes | Path) -> None:
        opened = await self._once("POST", f"{repository}/blobs/uploads/", seconds=QUICK)
        if opened.status != _ACCEPTED or not opened.location:
            raise _unexpected(f"opening an upload to {repository}", opened)
        separator = "&" if "?" in opened.location else "?"
        done = await self._once(
            "PUT",
            f"{opened.location}{separator}digest={digest}",
            data=await asyncio.to_thread(content.open, "rb")
            if isinstance(content, Path)
            else content,
            headers={"Content-Type": "application/octet-stream"},
            seconds=LONG,
        )
        if done.status != _CREATED:
            raise _unexpected(f"uploading to {repository}", done)

    async def mount(self, repository: str, digest: str, source: str) -> bool:
        """Have the registry link a blob of another repository of its own; whether it did."""
        if await self.has(f"{repository}/blobs/{digest}"):
            return True
        answer = await self._ask(
            "POST", f"{repository}/blobs/uploads/?mount={digest}&from={source}"
        )
        return answer.status == _CREATED

    async def put_manifest(
        self, repository: str, reference: str, content: bytes, media_type: str
    ) -> None:
        """Store a manifest under a tag or its digest."""
        answer = await self._ask(
            "PUT",
            f"{repository}/manifests/{reference}",
            data=content,
            headers={"Content-Type": media_type},
        )
        if answer.status != _CREATED:
            raise _unexpected(f"storing a manifest of {repository}", answer)

    async def listing(self, path: str, limit: int) -> bytes | None:
        """A list of names, ``None`` where there is none for us."""
        answer = await self._ask("GET", path, limit=limit)
        if answer.status in _NOT_FOR_US:
            return None
        if answer.status != _OK:
            raise _unexpected(f"GET {path}", answer)
        return answer.body

    async def manifest(self, repository: str, tag: str, limit: int) -> bytes:
        """What a tag names; raises `NotFoundError`."""
        path = f"{repository}/manifests/{tag}"
        answer = await self._ask("GET", path, headers={"Accept": MANIFESTS}, limit=limit)
        if answer.status == _MISSING:
            raise NotFoundError(f"the registry has no {path}")
        if answer.status != _OK:
            raise _unexpected(f"GET {path}", answer)
        return answer.body

    async def delete(self, path: str) -> bool:
        """Delete a manifest or blob by digest; whether it is gone, which a registry may refuse."""
        answer = await self._ask("DELETE", path)
        if answer.status in {_OK, _ACCEPTED, _MISSING}:
            return True
        if answer.status in _NOT_FOR_US:
            return False
        raise _unexpected(f"DELETE {path}", answer)

    async def ready(self) -> None:
        """Pass if the registry answers; raises `UnavailableError`."""
        answer = await self._once("GET", "", seconds=QUICK)
        if answer.status != _OK:
            raise _unexpected("asking whether it is there", answer)

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        limit: int = 1024 * 1024,
    ) -> Answer:
        """A request that may be repeated safely."""
        error: UnavailableError | None = None
        for pause in (0.0, *self._pauses):
            await asyncio.sleep(pause)
            try:
                answer = await self._once(
                    method,
                    path,
                    data=data,
                    headers=headers,
                    limit=limit,
                    seconds=LONG if data else QUICK,
                )
            except UnavailableError as broken:
                error = broken
                continue
            if answer.status < _ERRORS and answer.status != _SLOW_DOWN:
                return answer
            error = _unexpected(f"{method} {path}", answer)
        raise error or UnavailableError

    async def _once(
        self,
        method: str,
        path: str,
        *,
        seconds: float,
        data: bytes | IO[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        limit: int = 1024 * 1024,
    ) -> Answer:
        url = path if path.startswith(("http://", "https://")) else f"{self._url}/v2/{path}"
        try:
            async with self._session.request(
                method,
                url,
                data=data,
                headers=headers,
                allow_redirects=method in {"GET", "HEAD"},  # blob stores redirect reads
                timeout=aiohttp.ClientTimeout(
                    total=max(seconds, LONG) if limit > 1024 * 1024 else seconds, sock_connect=5
                ),
            ) as answer:
                body = await _bounded(answer, limit)
                location = answer.headers.get("Location", "")
                return Answer(
                    answer.status, body, urljoin(str(answer.url), location) if location else ""
                )
        except TimeoutError as error:
            raise TimedOutError(f"the registry did not answer within {seconds:g} s") from error
        except aiohttp.ClientError as error:
            raise UnavailableError(
                f"the registry can't be reached: {type(error).__name__}"
            ) from error


async def _bounded(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    parts, size = [], 0
    async for part in answer.content.iter_chunked(64 * 1024):
        size += len(part)
        if size > limit:
            raise TooLargeError(f"the registry's answer is larger than {limit} bytes")
        parts.append(part)
    return b"".join(parts)


def _unexpected(what: str, answer: Answer) -> UnavailableError:
    said = answer.body[:200].decode(errors="replace")
    return UnavailableError(
        f"the registry answered {answer.status} to {what}: {said}".removesuffix(": ")
    )
