"""`PodResults`: the port `funkhaus.ports.BuildResults` over http, to build pods' own addresses.

An address may be another pod's by the time it answers. So nothing of the key travels but a ticket made of it, and a result
counts that carries the keyed digest of itself (`funkhaus_build.serving`).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
from typing import TYPE_CHECKING

import aiohttp

from funkhaus.domain.errors import TimedOutError, TooLargeError, UnavailableError
from funkhaus.domain.packages import RESULT_LIMIT
from funkhaus.manifests.build import PORT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

DIGEST_HEADER, TICKET_HEADER = "Funkhaus-Digest", "Funkhaus-Ticket"
CONNECT_SECONDS, QUICK, LONG = 5.0, 10.0, 60.0
CHUNK = 256 * 1024
LOG_LIMIT = 256 * 1024
_OK = 200


class PodResults:
    """No proxy, no redirect, no cookie, nothing unpacked; time and size bounded. `port` is the pods'."""

    def __init__(self, session: aiohttp.ClientSession, port: int = PORT) -> None:
        self._session, self._port = session, port

    @classmethod
    def open(cls, port: int = PORT) -> PodResults:
        """With a session of its own; close it at the end. Call inside a running event loop."""
        return cls(
            aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                connector=aiohttp.TCPConnector(limit=16, force_close=True),
            ),
            port,
        )

    async def close(self) -> None:
        """Give the connections back."""
        await self._session.close()

    async def fetch(self, host: str, secret: str, into: Path) -> None:
        """Write the result into a new file."""
        digest, size = hmac.new(secret.encode(), digestmod=hashlib.sha256), 0
        try:
            async with self._asked("GET", host, "/result", secret, LONG) as answer:
                said = answer.headers.get(DIGEST_HEADER, "")
                with await asyncio.to_thread(into.open, "xb") as file:
                    async for chunk in answer.content.iter_chunked(CHUNK):
                        size += len(chunk)
                        if size > RESULT_LIMIT:
                            raise TooLargeError(
                                f"the packages have more than {RESULT_LIMIT} bytes; name fewer"
                            )
                        digest.update(chunk)
                        await asyncio.to_thread(file.write, chunk)
        except (TimeoutError, aiohttp.ClientError) as error:
            raise _unread(error) from error
        if not hmac.compare_digest(said.encode(), digest.hexdigest().encode()):
            raise UnavailableError("what answered is not the build's pod")

    async def log(self, host: str, secret: str) -> bytes:
        """What the build wrote, its beginning; nothing vouches for it but who answered `fetch` just before."""
        try:
            async with self._asked("GET", host, "/log", secret, QUICK) as answer:
                return await answer.content.read(LOG_LIMIT)
        except (TimeoutError, aiohttp.ClientError) as error:
            raise _unread(error) from error

    async def end(self, host: str, secret: str, refusal: str = "") -> None:
        """Let the pod end."""
        try:
            async with self._asked("POST", host, "/end", secret, QUICK, refusal.encode()):
                return
        except (TimeoutError, aiohttp.ClientError) as error:
            raise _unread(error) from error

    @contextlib.asynccontextmanager
    async def _asked(
        self, method: str, host: str, path: str, secret: str, seconds: float, body: bytes = b""
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        name = f"[{host}]" if ":" in host else host
        shown = hmac.new(secret.encode(), b"ticket", hashlib.sha256).hexdigest()
        async with self._session.request(
            method,
            f"http://{name}:{self._port}{path}",
            data=body or None,
            headers={TICKET_HEADER: shown},
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS),
        ) as answer:
            if answer.status != _OK:
                raise UnavailableError(f"the build's pod answered {answer.status}")
            yield answer


def _unread(error: Exception) -> UnavailableError:
    if isinstance(error, TimeoutError):
        return TimedOutError("the build's pod did not answer in time")
    return UnavailableError(f"the build's pod can't be reached: {type(error).__name__}")
