"""A whole HTTP response written in one piece."""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from funkhaus_runtime.clock import http_date

if TYPE_CHECKING:
    from funkhaus_runtime.call import Header
    from funkhaus_runtime.incoming import Incoming

CALL_ID = "x-funkhaus-call-id"
_TOGETHER = 65_536
"""Bytes of a body up to which it is cheaper to copy it behind its head than to send two pieces."""
_BODILESS = frozenset({204, 304})
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Reply(NamedTuple):
    """Status, headers (without those the server writes), body and the call's id, where it has one."""

    status: int
    headers: tuple[Header, ...]
    body: bytes
    call_id: str = ""
    last: bool = False
    """Whether the connection ends with it."""

    def pieces(self, request: Incoming | None, *, alive: bool) -> tuple[bytes, ...]:
        """What is sent: one piece, or two where the body is large. `request` is `None` where none could be read.

        Raises `ValueError` for a header that would break out of its line.
        """
        status, body = self.status, self.body
        length = "" if status in _BODILESS else f"Content-Length: {len(body)}\r\n"
        call_id = f"{CALL_ID}: {self.call_id}\r\n" if self.call_id else ""
        head = (
            f"HTTP/1.1 {status} {_PHRASES.get(status, 'Unknown')}\r\n{render(self.headers)}{length}"
            f"{call_id}Date: {http_date()}\r\nServer: funkhaus\r\n{_connection(request, alive=alive)}\r\n"
        ).encode()
        if status in _BODILESS or (request is not None and request.head.method == "HEAD"):
            return (head,)
        return (head + body,) if len(body) <= _TOGETHER else (head, body)


def _connection(request: Incoming | None, *, alive: bool) -> str:
    if not alive:
        return "Connection: close\r\n"
    return (
        "Connection: keep-alive\r\n"
        if request is not None and request.head.version == "1.0"
        else ""
    )


@lru_cache(maxsize=256)
def render(headers: tuple[Header, ...]) -> str:
    """Headers as they are sent; raises `ValueError` for one that would break out of its line."""
    for name, value in headers:
        if any(end in name or end in value for end in "\r\n\0"):
            raise ValueError(f"header {name!r} holds a line break")
    return "".join([f"{name}: {value}\r\n" for name, value in headers])
