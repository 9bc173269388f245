"""`HttpDialer`: the port `funkhaus.ports.Dialer` with aiohttp."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

from funkhaus.domain.errors import TimedOutError, TooLargeError, UnavailableError
from funkhaus.ports import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

CONNECT_SECONDS = 5.0
RECONNECT_SECONDS = 3.0
RECONNECT_PAUSE = 0.1
CHUNK = 64 * 1024
_NOT_PASSED_BACK = {
    "connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "proxy-authenticate", "content-length",
    "set-cookie", "www-authenticate", "strict-transport-security", "x-request-id", "funkhaus-answered-by",
}  # fmt: skip
"""Of a function's answer: hop-by-hop, and what a browser or client would hold for the API's own word."""


class _NotConnectedError(UnavailableError):
    """No connection was made."""

    code = "not-connected"


class HttpDialer:
    """No cookies, no redirects, no proxy of the environment, no decompression: bytes as they come."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    @classmethod
    def open(cls) -> HttpDialer:
        """A dialer with a session of its own; close it at the end. Call inside a running event loop."""
        return cls(
            aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                connector=aiohttp.TCPConnector(limit=200, force_close=True),
                skip_auto_headers=("User-Agent", "Content-Type", "Accept-Encoding", "Accept"),
            )
        )

    async def close(self) -> None:
        """Give the connections back."""
        await self._session.close()

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        seconds: float,
        limit: int,
    ) -> Answer:
        """One request; raises as the port says.

        A connection that is refused is tried again for a little while: a Service's rules reach the node a moment after the
        endpoint is ready, and nothing of the request has been sent.
        """
        began = time.monotonic()
        while True:
            try:
                return await self._send(
                    method, url, headers=headers, body=body, seconds=seconds, limit=limit
                )
            except _NotConnectedError as error:
                if time.monotonic() - began > min(seconds, RECONNECT_SECONDS):
                    raise UnavailableError(error.message) from error
            await asyncio.sleep(RECONNECT_PAUSE)

    async def _send(
        self,
        method: str,
        url: str,
        *,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        seconds: float,
        limit: int,
    ) -> Answer:
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=min(seconds, CONNECT_SECONDS))
        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),
                headers=headers,
                data=body or None,
                timeout=timeout,
                allow_redirects=False,
            ) as answer:
                content = bytearray()
                async for chunk in answer.content.iter_chunked(CHUNK):
                    content += chunk
                    if len(content) > limit:
                        raise TooLargeError(f"the answer has more than {limit} bytes")
                kept = tuple(
                    (key, value)
                    for key, value in answer.headers.items()
                    if key.lower() not in _NOT_PASSED_BACK
                )
                return Answer(answer.status, kept, bytes(content))
        except TimeoutError as error:
            raise TimedOutError(f"no answer within {seconds:g} s") from error
        except aiohttp.ClientConnectorError as error:
            raise _NotConnectedError(type(error).__name__) from error
        except aiohttp.ServerDisconnectedError as error:
            raise UnavailableError("it ended before it answered") from error
        except (aiohttp.ClientError, OSError) as error:
            raise UnavailableError(f"{type(error).__name__}") from error
