"""A whole HTTP response written in one piece.

aiohttp's `Response` keeps its headers in a multidict until they are serialised, for middlewares to change; here they
are final, and mostly the same as those of the call before. Writing them out directly is worth a tenth of all
requests/s (`benchmarks/runtime.py`). aiohttp's protocol asks of a response what is overridden here, no more.
"""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from funkhaus_runtime.clock import http_date

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.web_request import BaseRequest

    from funkhaus_runtime.answer import Header

CALL_ID = "x-funkhaus-call-id"
_TOGETHER = 65_536
"""Bytes of a body up to which it is cheaper to copy it behind its head than to send two pieces."""
_BODILESS = frozenset({204, 304})
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Reply(web.StreamResponse):
    """Status, headers, body and the call's id. `last` closes the connection after it."""

    def __init__(
        self,
        status: int,
        headers: tuple[Header, ...],
        body: bytes,
        call_id: str,
        *,
        last: bool = False,
    ) -> None:
        # The base's own constructor makes what is not needed here.
        self._status = status
        self._given = headers
        self._content = body
        self._call_id = call_id
        self._last = last
        self._request: BaseRequest | None = None
        self._alive = False

    @property
    def keep_alive(self) -> bool:
        """Whether another request may follow on the connection."""
        return self._alive

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        """Nothing is written before the end."""
        self._request = request
        self._alive = request.keep_alive and not self._last
        return None

    async def write_eof(self, data: bytes = b"") -> None:  # noqa: ARG002 - the base's signature
        """Write it all; raises `ConnectionResetError` where the caller has gone."""
        request = self._request
        transport = request.transport if request is not None else None
        if request is None or transport is None or transport.is_closing():
            raise ConnectionResetError("the caller has gone")
        status, body = self._status, self._content
        length = "" if status in _BODILESS else f"Content-Length: {len(body)}\r\n"
        head = (
            f"HTTP/1.1 {status} {_PHRASES.get(status, 'Unknown')}\r\n{render(self._given)}{length}"
            f"{CALL_ID}: {self._call_id}\r\nDate: {http_date()}\r\nServer: funkhaus\r\n{self._connection(request)}\r\n"
        ).encode()
        if request.method == "HEAD" or status in _BODILESS:
            body = b""
        if len(body) <= _TOGETHER:
            transport.write(head + body)
        else:
            transport.writelines((head, body))
        await request.protocol._drain_helper()  # noqa: SLF001 - what aiohttp's own writer awaits

    def _connection(self, request: BaseRequest) -> str:
        if not self._alive:
            return "Connection: close\r\n"
        return "" if request.version >= (1, 1) else "Connection: keep-alive\r\n"


@lru_cache(maxsize=256)
def render(headers: tuple[Header, ...]) -> str:
    """Headers as they are sent; raises `ValueError` for one that would break out of its line."""
    for name, value in headers:
        if any(end in name or end in value for end in "\r\n\0"):
            raise ValueError(f"header {name!r} holds a line break")
    return "".join([f"{name}: {value}\r\n" for name, value in headers])
