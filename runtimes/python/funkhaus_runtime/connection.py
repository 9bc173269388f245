"""HTTP/1.1 connections: requests in, one after another to the handler, answers out in the same order.

The parser is llhttp's (`parsing`); around it is what a server needs and no more. A web framework's import would be most of
a function's cold start (`docs/decisions/0044-…`).
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus_runtime.incoming import BodyBrokenError, Incoming
from funkhaus_runtime.parsing import MalformedError, Parsing
from funkhaus_runtime.problems import MEDIA_TYPE, Problem
from funkhaus_runtime.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from funkhaus_runtime.parsing import Head

_CONNECTIONS = 4096
"""Connections held open at once; the next is closed unanswered."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True)
class Patience:
    """Seconds."""

    head: float = 30.0
    """A request may take from its first byte, or from the connection's beginning, until its head is there."""
    idle: float = 3630.0
    """A connection is kept without a request: longer than proxies keep theirs, so that none is closed under a request."""
    linger: float = 10.0
    """What a caller goes on sending is thrown away for, so that it comes to read why nobody wants it."""
    look: float = 5.0
    """Between looks for connections that took too long."""


class Server:
    """Makes a `Connection` for every client; `handle` answers requests, `failed` hears of it where it did not."""

    def __init__(
        self,
        handle: Callable[[Incoming], Awaitable[Reply]],
        failed: Callable[[str, BaseException], None],
        *,
        body_limit: int,
        patience: Patience | None = None,
    ) -> None:
        """`body_limit` is in bytes; call inside the running loop."""
        self.handle, self.failed = handle, failed
        self.body_limit, self.patience = body_limit, patience or Patience()
        self.loop = asyncio.get_running_loop()
        self.connections: set[Connection] = set()
        self._emptied = asyncio.Event()
        self._looking = self.loop.call_later(self.patience.look, self._look)

    def __call__(self) -> Connection:
        """The protocol of one new connection."""
        return Connection(self)

    def close_idle(self) -> None:
        """End connections that wait for a request; the others end with the answer they wait for."""
        for connection in list(self.connections):
            connection.retire()

    async def close(self, seconds: float) -> None:
        """Give answers that long to go out, then end every connection."""
        self.close_idle()
        try:
            async with asyncio.timeout(seconds):
                while self.connections:
                    self._emptied.clear()
                    await self._emptied.wait()
        except TimeoutError:
            for connection in list(self.connections):
                connection.abort()
        self._looking.cancel()

    def gone(self, connection: Connection) -> None:
        """A connection has ended."""
        self.connections.discard(connection)
        if not self.connections:
            self._emptied.set()

    def _look(self) -> None:
        now = self.loop.time()
        for connection in list(self.connections):
            connection.look(now)
        self._looking = self.loop.call_later(self.patience.look, self._look)


class Connection(asyncio.Protocol):
    """One client's connection."""

    _transport: asyncio.Transport

    def __init__(self, server: Server) -> None:
        self._server = server
        self._loop = server.loop
        self._parsing: Parsing | None = Parsing(self)
        self._remote = ""
        self._task: asyncio.Task[None] | None = None
        self._queue: deque[Incoming | Reply] = deque()
        self._receiving: Incoming | None = None  # its body is still to come
        self._in_head = False
        self._deaf = False  # what still comes is thrown away
        self._retiring = False
        self._paused = False
        self._drained: asyncio.Future[None] | None = None
        self._due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        self._transport = transport  # type: ignore[assignment]  # of TCP
        connections = self._server.connections
        if len(connections) >= _CONNECTIONS:
            transport.close()
            return
        connections.add(self)
        peer = transport.get_extra_info("peername")
        self._remote = str(peer[0]) if peer else ""
        self._due = self._loop.time() + self._server.patience.head

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The caller has gone; a call that runs goes on."""
        self._parsing = None
        self._deaf = True
        self._queue.clear()
        if self._receiving is not None:
            self._receiving.fail(BodyBrokenError("the caller has gone"))
        self.resume_writing()
        self._server.gone(self)

    def data_received(self, data: bytes) -> None:
        """Take it apart; requests behind the one that runs wait, and what is behind those stays in the kernel."""
        if self._deaf or self._parsing is None:
            return
        try:
            self._parsing.feed(data)
        except MalformedError as error:
            self._malformed(error)
        if self._queue and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """The caller sends no more; it may still wait for answers."""
        if self._receiving is not None:
            self._receiving.fail(BodyBrokenError("the caller ended it before its end"))
        self._deaf = True
        return self._task is not None

    def pause_writing(self) -> None:
        """The caller reads slower than it is answered."""
        if self._drained is None:
            self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        """It has caught up, or gone."""
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    def retire(self) -> None:
        """End after the answers that are awaited, so at once if there are none."""
        self._retiring = True
        if self._task is None:
            self._transport.close()

    def abort(self) -> None:
        """End now, and the call with it."""
        if self._task is not None:
            self._task.cancel()
        self._transport.abort()

    def look(self, now: float) -> None:
        """End it if what it waits for did not come in time."""
        if self._task is None and now > self._due:
            self._transport.close()

    # `Parsing` calls these.

    def head_began(self) -> None:
        """A request begins."""
        self._in_head = True
        self._due = self._loop.time() + self._server.patience.head

    def head_read(self, head: Head) -> None:
        """A request is here; it begins now, or behind the one that runs."""
        self._in_head = False
        if self._deaf:
            return
        if not head.keep_alive:
            self._retiring = True
        request = self._receiving = Incoming(
            head,
            remote=self._remote,
            transport=self._transport,
            limit=self._server.body_limit,
            go_on=self._go_on,
        )
        self._put(request)

    def body_came(self, data: bytes) -> None:
        """More of the last request's body."""
        if self._receiving is not None:
            self._receiving.receive(data)

    def body_ended(self) -> None:
        """The last request is complete; it was the last one if it said so."""
        receiving, self._receiving = self._receiving, None
        if receiving is not None:
            receiving.finish()
            self._deaf = not receiving.head.keep_alive

    def _go_on(self) -> None:
        self._transport.write(_CONTINUE)

    def _malformed(self, error: MalformedError) -> None:
        if self._deaf:
            return  # behind the last request that is answered
        self._deaf = True
        reason = str(error).strip().splitlines()[0]
        if self._receiving is not None:
            self._receiving.fail(BodyBrokenError(reason))
        else:
            title = "The request is not HTTP as the server knows it"
            self._put(_problem(Problem(400, "request_invalid", title, reason)))

    def _put(self, item: Incoming | Reply) -> None:
        if self._task is None:
            self._task = self._loop.create_task(self._serve(item))
        else:
            self._queue.append(item)

    async def _serve(self, item: Incoming | Reply) -> None:
        """Answer this one and all that wait behind it."""
        try:
            while True:
                if isinstance(item, Reply):
                    await self._send(None, item, alive=False)
                    break
                reply = await self._reply(item)
                alive = item.complete and not (reply.last or self._retires(item))
                await self._send(item, reply, alive=alive)
                if not alive:
                    break
                if not self._queue:
                    self._rest()
                    return
                item = self._queue.popleft()
                if not self._queue and self._paused:
                    self._paused = False
                    self._transport.resume_reading()
            self._end(heard=isinstance(item, Incoming) and item.complete)
        finally:
            self._task = None

    def _rest(self) -> None:
        """Wait for the next request."""
        if self._retiring:  # it was told to while the answer went out
            self._transport.close()
        patience = self._server.patience
        self._due = self._loop.time() + (patience.head if self._in_head else patience.idle)

    def _retires(self, item: Incoming) -> bool:
        """Whether nothing follows this one."""
        return not item.head.keep_alive or (not self._queue and (self._retiring or self._deaf))

    async def _reply(self, request: Incoming) -> Reply:
        try:
            return await self._server.handle(request)
        except Exception as error:  # noqa: BLE001 - a defect of the runtime's own
            reply = _problem(
                Problem(
                    500,
                    "runtime_failed",
                    "The runtime failed",
                    "Its log says more under this call id.",
                )
            )
            self._server.failed(reply.call_id, error)
            return reply

    async def _send(self, request: Incoming | None, reply: Reply, *, alive: bool) -> None:
        if self._transport.is_closing():
            return
        pieces = reply.pieces(request, alive=alive)
        if len(pieces) == 1:
            self._transport.write(pieces[0])
        else:
            self._transport.writelines(pieces)
        if self._drained is not None:
            await self._drained

    def _end(self, *, heard: bool) -> None:
        """Nothing more is answered. Who may still be sending would lose the answer, were the connection just closed."""
        self._deaf = True
        transport = self._transport
        if transport.is_closing():
            return
        if heard:
            transport.close()
            return
        if self._paused:
            self._paused = False
            transport.resume_reading()
        transport.write_eof()
        self._due = self._loop.time() + self._server.patience.linger


def _problem(problem: Problem) -> Reply:
    call_id = secrets.token_hex(12)
    headers = (("Content-Type", MEDIA_TYPE), *problem.headers.items())
    return Reply(problem.status, headers, problem.body(call_id), call_id, last=True)
