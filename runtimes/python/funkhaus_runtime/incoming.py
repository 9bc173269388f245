"""One request as it comes in: its head at once, its body as it arrives."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from funkhaus_runtime.parsing import Head


class BodyBrokenError(ValueError):
    """The body does not come to its end; the message says why."""


class BodyTooLongError(ValueError):
    """The body is longer than whoever reads it would take."""


class Incoming:
    """A request whose head has been read."""

    __slots__ = (
        "_body", "_go_on", "_limit", "_waiter", "_why", "complete", "content_length", "expects", "head", "remote",
        "transport",
    )  # fmt: skip

    def __init__(
        self,
        head: Head,
        *,
        remote: str,
        transport: asyncio.Transport,
        limit: int,
        go_on: Callable[[], None],
    ) -> None:
        """`go_on` tells the caller to send the body it holds back; more than `limit` bytes of it are not kept."""
        self.head, self.remote, self.transport = head, remote, transport
        length = head.found.get(b"content-length")
        self.content_length = None if length is None else int(length)
        """Of the body, where it is declared."""
        self.expects = head.found.get(b"expect", b"").lower() == b"100-continue"
        """Whether the caller holds the body back until it is told to go on."""
        self.complete = False
        """Whether the body has come to its end."""
        self._body = bytearray()
        self._limit = limit
        self._go_on = go_on
        self._why: ValueError | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def has_body(self) -> bool:
        """Whether a body follows the head, be it an empty one."""
        return bool(self.content_length) or b"transfer-encoding" in self.head.found

    def header(self, name: bytes) -> str | None:
        """The first header of this name, which is in small letters."""
        value = self.head.found.get(name)
        return None if value is None else value.decode("utf-8", "surrogateescape")

    async def body(self) -> bytes:
        """The whole body; raises `BodyBrokenError` or `BodyTooLongError`."""
        if not self.complete and self._why is None:
            if self.expects:
                self._go_on()
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self._why is not None:
            raise self._why
        return bytes(self._body)

    def receive(self, data: bytes) -> None:
        """More of the body."""
        if self._why is not None:
            return
        if len(self._body) + len(data) > self._limit:
            self.fail(BodyTooLongError(f"more than {self._limit} bytes"))
        else:
            self._body += data

    def finish(self) -> None:
        """The body has come to its end."""
        self.complete = True
        self._tell()

    def fail(self, why: ValueError) -> None:
        """Nothing more of it will come, or be kept."""
        if not self.complete and self._why is None:
            self._why = why
            self._body.clear()
            self._tell()

    def _tell(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
