"""aiohttp's server without its web framework: one handler, own limits, malformed requests answered like all others."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from funkhaus_runtime.problems import MEDIA_TYPE, Problem

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from aiohttp.web_request import BaseRequest

_FIRST_REQUEST = 30.0
"""Seconds a new connection has to send a first whole request head."""
_CONNECTIONS = 4096
"""Connections held open at once; the next is closed unanswered."""
_IDLE = 3630.0
"""Seconds an idle connection is kept: longer than proxies keep theirs, so that they are never closed under a request."""


class Server(web.Server):
    """Makes a `Connection` for every client."""

    def __init__(self, handler: Callable[[BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        """Bodies are handed on as sent: what they are compressed with is between the caller and the function."""
        super().__init__(handler, access_log=None, auto_decompress=False, keepalive_timeout=_IDLE)

    def __call__(self) -> RequestHandler:
        """The protocol of one new connection."""
        return Connection(self, loop=self._loop, **self._kwargs)


class Connection(RequestHandler):
    """One client's connection."""

    __slots__ = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for requests."""
        super().connection_made(transport)
        if self._manager is not None and len(self._manager._connections) > _CONNECTIONS:  # noqa: SLF001 - no copy
            self.force_close()
            return
        self._loop.call_later(_FIRST_REQUEST, self._expect_first)

    def _expect_first(self) -> None:
        if not self._request_count:
            self.force_close()

    def handle_error(
        self,
        request: BaseRequest,  # noqa: ARG002 - aiohttp's signature
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What could not be parsed as HTTP, or a defect of the runtime's own."""
        call_id = secrets.token_hex(12)
        if status < 500:  # noqa: PLR2004 - a status
            problem = Problem(
                status,
                "request_invalid",
                "The request is not HTTP as the server knows it",
                _line(message),
            )
        else:
            problem = Problem(
                status,
                "runtime_failed",
                "The runtime failed",
                "Its log says more under this call id.",
            )
            self.log_exception("call %s failed in the runtime", call_id, exc_info=exc)
        headers: dict[str, Any] = {
            "Content-Type": MEDIA_TYPE,
            "x-funkhaus-call-id": call_id,
            "Server": "funkhaus",
        }
        response = web.Response(status=status, body=problem.body(call_id), headers=headers)
        response.force_close()
        return response


def _line(message: str | None) -> str:
    """Aiohttp's explanation, of which the first line says what and the rest shows the bytes."""
    return (message or "It can't be parsed.").strip().splitlines()[0]
