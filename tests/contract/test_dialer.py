"""One exam for the dialer in memory and over real sockets."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from funkhaus.domain.errors import TimedOutError, TooLargeError, UnavailableError
from funkhaus.ports import Answer
from funkhaus_api.dialing import HttpDialer
from tests.support.dialer import MemoryDialer, Sent
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from funkhaus.ports import Dialer


async def function(sent: Sent) -> Answer:
    """Echoes; sleeps, grows or redirects on demand."""
    path = "/" + sent.url.split("/", 3)[3]
    if path.startswith("/sleep"):
        await asyncio.sleep(5)
    if path.startswith("/large"):
        return Answer(200, (), b"x" * 2000)
    if path.startswith("/away"):
        return Answer(302, (("Location", "http://127.0.0.1:1/"),), b"")
    said = [f"{sent.method} {path}", *sent.header("x-greeting"), sent.body.decode()]
    return Answer(418, (("X-Twice", "a"), ("X-Twice", "b")), "\n".join(said).encode())


@asynccontextmanager
async def listening() -> AsyncIterator[str]:
    async def handle(request: web.Request) -> web.Response:
        headers = tuple(request.headers.items())
        sent = Sent(request.method, f"http://here{request.raw_path}", headers, await request.read())
        answer = await function(sent)
        response = web.Response(status=answer.status, body=answer.body)
        response.headers.extend(answer.headers)
        response.headers["Connection"] = "close"
        return response

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture(params=["memory", "http"])
async def reach(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Dialer, str, str]]:
    """A dialer, where the function is, and where nothing is."""
    if request.param == "memory":
        memory = MemoryDialer(function)
        yield memory, "http://here", ""
        return
    dialer = HttpDialer.open()
    async with listening() as url:
        yield dialer, url, f"http://127.0.0.1:{free_port()}"
    await dialer.close()


async def send(dialer: Dialer, url: str, method: str = "GET", body: bytes = b"") -> Answer:
    headers = [("X-Greeting", "moin"), ("X-Greeting", "moin moin")]
    return await dialer.send(method, url, headers=headers, body=body, seconds=1, limit=1000)


async def test_method_path_headers_and_body_arrive(reach: tuple[Dialer, str, str]) -> None:
    dialer, url, _ = reach
    answer = await send(dialer, f"{url}/a%20b?x=%2F", "PUT", b"body")
    assert answer.body == b"PUT /a%20b?x=%2F\nmoin\nmoin moin\nbody"
    assert answer.status == 418


async def test_repeated_headers_come_back_and_hop_by_hop_do_not(
    reach: tuple[Dialer, str, str],
) -> None:
    dialer, url, _ = reach
    answer = await send(dialer, f"{url}/")
    assert [value for key, value in answer.headers if key.lower() == "x-twice"] == ["a", "b"]
    assert not [key for key, _ in answer.headers if key.lower() == "connection"]


async def test_b30_redirects_are_answers(reach: tuple[Dialer, str, str]) -> None:
    dialer, url, _ = reach
    assert (await send(dialer, f"{url}/away")).status == 302


async def test_too_slow_and_too_large(reach: tuple[Dialer, str, str]) -> None:
    dialer, url, _ = reach
    with pytest.raises(TimedOutError, match="within 1 s"):
        await send(dialer, f"{url}/sleep")
    with pytest.raises(TooLargeError, match="1000 bytes"):
        await send(dialer, f"{url}/large")


async def test_nothing_there(reach: tuple[Dialer, str, str]) -> None:
    dialer, _, nowhere = reach
    if isinstance(dialer, MemoryDialer):
        dialer.function = None
    with pytest.raises(UnavailableError) as refused:
        await send(dialer, f"{nowhere}/")
    assert not isinstance(refused.value, TimedOutError)
