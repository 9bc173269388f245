"""A call on its way to a replica and its answer on the way back: streamed, nothing kept, nothing of one hop on the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from funkhaus.domain.errors import TooLargeError, UnavailableError
from funkhaus.domain.function import DEFAULT_PORT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from funkhaus.settings import Waker

CONNECT_SECONDS = 2.0
CHUNK = 64 * 1024
_HOP_BY_HOP = {
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade", "expect",
}  # fmt: skip


class NotTakenError(UnavailableError):
    """The replica did not take the call; nothing of it has been sent."""


class BrokenError(UnavailableError):
    """The replica took the call and did not answer to the end."""


class Passing:
    """No cookies, no redirects, no proxy, no decompression: bytes as they come. `port` is the functions'."""

    def __init__(self, session: aiohttp.ClientSession, *, limit: int, port: int) -> None:
        self._session, self._limit, self._port = session, limit, port

    @classmethod
    def open(cls, settings: Waker, port: int = 0) -> Passing:
        """With a session of its own; close it at the end. Call inside a running event loop."""
        session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            connector=aiohttp.TCPConnector(limit=settings.waker_calls, force_close=True),
            timeout=aiohttp.ClientTimeout(
                total=settings.waker_answer_seconds, sock_connect=CONNECT_SECONDS
            ),
            skip_auto_headers=("User-Agent", "Content-Type", "Accept-Encoding", "Accept"),
        )
        return cls(session, limit=settings.waker_body_limit, port=port or DEFAULT_PORT)

    async def close(self) -> None:
        """Give the connections back."""
        await self._session.close()

    def check(self, request: web.BaseRequest) -> None:
        """Raise `TooLargeError` for a body that says it is."""
        if (request.content_length or 0) > self._limit:
            raise self._too_large()

    async def send(
        self, request: web.BaseRequest, host: str, taken: Callable[[], None]
    ) -> web.StreamResponse:
        """The replica's answer, passed on as it comes; `taken` is called once the replica answers.

        Raises `NotTakenError` where it was not connected, `BrokenError`, `TooLargeError`.
        """
        name = f"[{host}]" if ":" in host else host
        url = URL(f"http://{name}:{self._port}{_target(request)}", encoded=True)
        headers = CIMultiDict(
            _kept(request.headers.items(), request.headers.getall("Connection", []))
        )
        body = self._body(request) if request.body_exists else None
        try:
            async with self._session.request(
                request.method, url, headers=headers, data=body, allow_redirects=False
            ) as answer:
                taken()
                return await _back(request, answer)
        except aiohttp.ClientConnectorError as error:
            raise NotTakenError(f"no replica took the call: {type(error).__name__}") from error
        except TimeoutError as error:
            if isinstance(error, aiohttp.ConnectionTimeoutError):
                raise NotTakenError("no replica took the call in time") from error
            raise BrokenError("the function did not answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(cause := error.__cause__, TooLargeError):
                raise cause from error
            raise BrokenError(f"the function's answer broke off: {type(error).__name__}") from error

    async def _body(self, request: web.BaseRequest) -> AsyncIterator[bytes]:
        size = 0
        if request.headers.get("Expect", "").lower() == "100-continue" and request.transport:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        async for chunk in request.content.iter_chunked(CHUNK):
            size += len(chunk)
            if size > self._limit:
                raise self._too_large()
            yield chunk

    def _too_large(self) -> TooLargeError:
        return TooLargeError(
            f"a call of a function that sleeps has a body of at most {self._limit} bytes"
        )


def _target(request: web.BaseRequest) -> str:
    """Path and query as they came; of a whole address (as proxies are asked) only those."""
    raw = request.raw_path
    return raw if raw.startswith("/") else request.rel_url.raw_path_qs


def _kept(headers: Iterable[tuple[str, str]], connection: Iterable[str]) -> list[tuple[str, str]]:
    named = {name.strip().lower() for text in connection for name in text.split(",")}
    dropped = _HOP_BY_HOP | named
    return [(key, value) for key, value in headers if key.lower() not in dropped]


async def _back(request: web.BaseRequest, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    kept = _kept(answer.headers.items(), answer.headers.getall("Connection", []))
    response = web.StreamResponse(
        status=answer.status, reason=answer.reason, headers=CIMultiDict(kept)
    )
    response.force_close()
    await response.prepare(request)
    async for chunk in answer.content.iter_chunked(CHUNK):
        await response.write(chunk)
    await response.write_eof()
    return response
