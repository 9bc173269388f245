"""The runtime's connections over loopback: order, patience, and callers who do not behave."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from funkhaus_runtime.connection import Patience, Server
from funkhaus_runtime.incoming import BodyBrokenError, BodyTooLongError, Incoming
from funkhaus_runtime.reply import Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HOST = "127.0.0.1"
LIMIT = 100_000
SECONDS = 20.0
"""Anything here may take on a machine that has other work."""
QUICK = Patience(head=0.3, idle=0.3, linger=0.3, look=0.05)


@dataclass
class House:
    """A server on loopback with a handler that can be told to wait."""

    server: Server
    port: int
    open: asyncio.Event = field(default_factory=asyncio.Event)
    begun: list[str] = field(default_factory=list)
    bodies: list[object] = field(default_factory=list)
    defects: list[BaseException] = field(default_factory=list)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(HOST, self.port)

    async def handle(self, request: Incoming) -> Reply:
        path = request.head.target.decode()
        self.begun.append(path)
        if path == "/defect":
            raise LookupError("a defect of the runtime")
        if path == "/early":
            return Reply(413, (), b"no", "call", last=False)
        if path == "/waits":
            await self.open.wait()
        try:
            self.bodies.append(await request.body())
        except (BodyBrokenError, BodyTooLongError) as error:
            self.bodies.append(type(error))
            return Reply(400, (), b"broken", "call")
        if path == "/large":
            return Reply(200, (), b"x" * 8_000_000, "call")
        return Reply(200, (), path.encode(), "call")


Open = Callable[..., Awaitable["House"]]


@pytest.fixture
async def house() -> AsyncIterator[Callable[..., Awaitable[House]]]:
    opened: list[tuple[House, asyncio.Server]] = []

    async def begin(patience: Patience | None = None) -> House:
        house: House

        def failed(_: str, error: BaseException) -> None:
            house.defects.append(error)

        async def handle(request: Incoming) -> Reply:
            return await house.handle(request)

        server = Server(handle, failed, body_limit=LIMIT, patience=patience)
        listener = await asyncio.get_running_loop().create_server(server, HOST, 0)
        house = House(server, listener.sockets[0].getsockname()[1])
        opened.append((house, listener))
        return house

    yield begin
    for house, listener in opened:
        house.open.set()
        listener.close()
        await house.server.close(1)


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """The next answer of a connection."""
    async with asyncio.timeout(SECONDS):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return int(head[0].split(" ")[1]), headers, body


async def ends(reader: asyncio.StreamReader) -> None:
    """Wait for the connection's end."""
    async with asyncio.timeout(SECONDS):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""


async def until(truth: Callable[[], object]) -> None:
    async with asyncio.timeout(SECONDS):
        while not truth():  # noqa: ASYNC110 - what is waited for is in the server
            await asyncio.sleep(0.01)


def get(path: str, more: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n".encode()


async def test_calls_sent_at_once_are_answered_one_after_another(house: Open) -> None:
    here = await house()
    reader, writer = await here.connect()
    writer.write(get("/waits") + get("/second") + get("/third"))
    await until(lambda: here.begun)
    assert here.begun == ["/waits"]
    here.open.set()
    assert [(await answer(reader))[2] for _ in range(3)] == [b"/waits", b"/second", b"/third"]
    writer.write(get("/fourth"))
    assert (await answer(reader))[2] == b"/fourth"


async def test_what_is_sent_behind_a_call_that_runs_is_not_hoarded(house: Open) -> None:
    here = await house()
    reader, writer = await here.connect()
    writer.write(get("/waits"))
    await until(lambda: here.begun)
    sent, call = 0, get("/more", f"X-Wide: {'a' * 8000}\r\n")
    while sent < 8000:
        writer.write(call)
        sent += 1
        try:
            async with asyncio.timeout(0.5):
                await writer.drain()
        except TimeoutError:
            break  # the kernel's buffers are full: nobody reads on
    else:
        pytest.fail(f"{sent * len(call)} bytes were read while a call ran")
    here.open.set()
    assert (await answer(reader))[2] == b"/waits"
    for _ in range(sent):
        assert (await answer(reader))[2] == b"/more"


async def test_a_refusal_arrives_although_the_body_is_still_being_sent(house: Open) -> None:
    here = await house()
    reader, writer = await here.connect()
    size = 30_000_000
    writer.write(f"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode())
    writer.write(b"x" * (size // 2))
    status, headers, _ = await answer(reader)
    assert (status, headers["connection"]) == (413, "close")
    async with asyncio.timeout(SECONDS):
        await writer.drain()  # taken in, and thrown away
    await ends(reader)


async def test_who_is_refused_and_goes_on_sending_is_left(house: Open) -> None:
    here = await house(QUICK)
    reader, writer = await here.connect()
    writer.write(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
    assert (await answer(reader))[0] == 413
    await until(lambda: not here.server.connections)
    writer.close()


@pytest.mark.parametrize("sent", [b"", b"GET / HT", get("/kept"), get("/kept") + b"GET"])
async def test_a_connection_that_keeps_us_waiting_is_ended(house: Open, sent: bytes) -> None:
    here = await house(QUICK)
    reader, writer = await here.connect()
    writer.write(sent)
    if here_answers := sent.startswith(get("/kept")):
        assert (await answer(reader))[0] == 200
    await ends(reader)
    assert here.begun == (["/kept"] if here_answers else [])


async def test_a_call_that_runs_is_not_kept_waiting(house: Open) -> None:
    here = await house(QUICK)
    reader, writer = await here.connect()
    writer.write(get("/waits"))
    await until(lambda: here.begun)
    await asyncio.sleep(1)  # several times the patience
    here.open.set()
    assert (await answer(reader))[2] == b"/waits"


async def test_a_caller_that_has_sent_all_is_answered(house: Open) -> None:
    here = await house()
    for more in ("", "Connection: close\r\n"):
        reader, writer = await here.connect()
        here.open.clear()
        here.begun.clear()
        writer.write(get("/waits", more))
        writer.write_eof()
        await until(lambda: here.begun)
        await asyncio.sleep(0.1)
        here.open.set()
        status, headers, body = await answer(reader)
        assert (status, headers["connection"], body) == (200, "close", b"/waits")
        await ends(reader)


@pytest.mark.parametrize("ending", ["eof", "reset"])
async def test_a_body_that_breaks_off_is_told(house: Open, ending: str) -> None:
    here = await house()
    _, writer = await here.connect()
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
    await until(lambda: here.begun)
    if ending == "eof":
        writer.write_eof()
    else:
        writer.transport.abort()
    await until(lambda: here.bodies)
    assert here.bodies == [BodyBrokenError]
    writer.close()


async def test_a_body_over_the_limit_is_not_kept(house: Open) -> None:
    here = await house()
    reader, writer = await here.connect()
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write(head + b"%x\r\n" % (LIMIT + 1) + b"x" * (LIMIT + 1) + b"\r\n0\r\n\r\n")
    assert (await answer(reader))[0] == 400
    assert here.bodies == [BodyTooLongError]


async def test_a_defect_behind_good_calls_is_answered_last(house: Open) -> None:
    here = await house()
    reader, writer = await here.connect()
    writer.write(get("/first") + get("/second") + b"nonsense\r\n\r\n" + get("/never"))
    found = [await answer(reader) for _ in range(3)]
    assert [status for status, _, _ in found] == [200, 200, 400]
    assert found[2][1]["content-type"] == "application/problem+json"
    await ends(reader)
    assert here.begun == ["/first", "/second"]


async def test_what_follows_the_last_call_is_nobodys(house: Open) -> None:
    here = await house()
    reader, writer = await here.connect()
    writer.write(get("/last", "Connection: close\r\n") + get("/never"))
    assert (await answer(reader))[2] == b"/last"
    await ends(reader)
    assert here.begun == ["/last"]


async def test_a_defect_of_the_runtime_is_500_and_told(house: Open) -> None:
    here = await house()
    reader, writer = await here.connect()
    writer.write(get("/defect"))
    status, headers, body = await answer(reader)
    assert (status, headers["connection"]) == (500, "close")
    assert b"runtime_failed" in body
    assert b"LookupError" not in body
    assert [type(error) for error in here.defects] == [LookupError]


async def test_a_large_answer_waits_for_a_slow_reader(house: Open) -> None:
    here = await house()
    reader, writer = await here.connect()
    writer.write(get("/large") + get("/after"))
    await asyncio.sleep(0.3)
    assert here.begun == ["/large"]
    assert len((await answer(reader))[2]) == 8_000_000
    assert (await answer(reader))[2] == b"/after"


async def test_the_end_lets_running_calls_finish_and_sends_idle_callers_away(house: Open) -> None:
    here = await house()
    idle, idle_writer = await here.connect()
    idle_writer.write(get("/kept"))
    assert (await answer(idle))[0] == 200
    busy, busy_writer = await here.connect()
    busy_writer.write(get("/waits"))
    await until(lambda: len(here.begun) == 2)
    here.server.close_idle()
    await ends(idle)
    here.open.set()
    status, headers, _ = await answer(busy)
    assert (status, headers["connection"]) == (200, "close")
    await ends(busy)


async def test_the_end_does_not_wait_for_ever(house: Open) -> None:
    here = await house()
    reader, writer = await here.connect()
    writer.write(get("/waits"))
    await until(lambda: here.begun)
    async with asyncio.timeout(SECONDS):
        await here.server.close(0.1)
    await ends(reader)
    await until(lambda: not here.server.connections)
