"""One exam for replicas in a dictionary and replicas that answer over http, honest or not."""

from __future__ import annotations

import asyncio
import math
from itertools import accumulate
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from funkhaus.domain.errors import UnavailableError
from funkhaus.domain.load import Work
from funkhaus.pods import PodActivity
from funkhaus.ports import Calls
from funkhaus_runtime.connection import Server
from funkhaus_runtime.metrics import BUCKETS, MEDIA_TYPE, Metrics
from funkhaus_runtime.operations import BODY_LIMIT, handler
from tests.support.activity import FakeActivity
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from funkhaus.ports import Activity

HOST = "127.0.0.1"


class Replica:
    """What the runtime serves on its operations port, as it really does."""

    def __init__(self) -> None:
        self.metrics, self.state = Metrics(), ""
        self.running = 0
        self.metrics.gauges["function_calls_in_flight"] = ("Calls", lambda: self.running)
        self.metrics.gauges["function_calls_queued"] = ("Calls", lambda: 0)

    def call(self, method: str = "GET", *, seconds: float = 0.1, failed: bool = False) -> None:
        self.metrics.calls[method].finished(seconds, failed=failed)


class Exam:
    def __init__(self, activity: Activity, replica: Replica, fake: FakeActivity | None) -> None:
        self.activity, self.replica, self._fake = activity, replica, fake

    def tell(self) -> None:
        """Have the fake say what the replica would."""
        if self._fake:
            ended = sum(item.total for item in self.replica.metrics.calls.values())
            self._fake.done[HOST] = Calls(ended, self.replica.running)
            failed = sum(item.failures for item in self.replica.metrics.calls.values())
            self._fake.worked[HOST] = Work(ended, failed, self.replica.running, self._buckets())
            (self._fake.up.discard if self.replica.state else self._fake.up.add)(HOST)

    def _buckets(self) -> tuple[tuple[float, int], ...]:
        each = [item.buckets for item in self.replica.metrics.calls.values() if item.total]
        sums = list(accumulate(sum(column) for column in zip(*each, strict=True)))
        return tuple(zip((*BUCKETS, math.inf), sums, strict=False)) if each else ()


@pytest.fixture(params=["memory", "http"])
async def exam(request: pytest.FixtureRequest) -> AsyncIterator[Exam]:
    replica = Replica()
    if request.param == "memory":
        fake = FakeActivity()
        yield Exam(fake, replica, fake)
        return
    defects: list[BaseException] = []
    server = Server(
        handler(replica.metrics, lambda: replica.state),
        lambda _, error: defects.append(error),
        body_limit=BODY_LIMIT,
    )
    listener = await asyncio.get_running_loop().create_server(server, HOST, 0)
    activity = PodActivity.open(listener.sockets[0].getsockname()[1])
    yield Exam(activity, replica, None)
    await activity.close()
    listener.close()
    await server.close(1)
    assert not defects


async def test_calls_are_counted_over_methods(exam: Exam) -> None:
    exam.tell()
    assert await exam.activity.calls(HOST) == Calls(0, 0)
    exam.replica.call()
    exam.replica.call("POST")
    exam.replica.running = 3
    exam.tell()
    assert await exam.activity.calls(HOST) == Calls(2, 3)


async def test_work_is_with_failures_and_times_over_methods(exam: Exam) -> None:
    exam.tell()
    assert await exam.activity.work(HOST) == Work()
    exam.replica.call()
    exam.replica.call("POST", seconds=0.3, failed=True)
    exam.replica.running = 2
    exam.tell()
    work = await exam.activity.work(HOST)
    assert (work.ended, work.failed, work.running) == (2, 1, 2)
    assert dict(work.buckets)[0.1] == 1
    assert dict(work.buckets)[0.5] == 2
    assert max(work.buckets) == (math.inf, 2)


async def test_ready_is_what_it_says_itself(exam: Exam) -> None:
    exam.tell()
    assert await exam.activity.ready(HOST)
    exam.replica.state = "draining"
    exam.tell()
    assert not await exam.activity.ready(HOST)


async def test_nobody_there() -> None:
    for activity in (FakeActivity(), PodActivity.open(free_port())):
        assert not await activity.ready(HOST)
        with pytest.raises(UnavailableError):
            await activity.calls(HOST)
        if isinstance(activity, PodActivity):
            await activity.close()


@pytest.mark.parametrize(
    "said",
    [
        "",
        "function_calls_total 5\n",
        "x" * 300_000,
        "function_calls_in_flight NaN\n",
        "function_calls_in_flight -1\n",
        "\x00\xff",
        'function_duration_seconds_bucket{method="GET",le="NaN"} 5\n',
        "moved",
    ],
)
async def test_a_replica_that_says_nothing_of_use_is_not_believed(said: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        if said == "moved":
            return web.Response(status=302, headers={"Location": f"http://{request.host}/there"})
        if request.path == "/there":
            return web.Response(text="function_calls_in_flight 0\n")
        return web.Response(body=said.encode(), headers={"Content-Type": MEDIA_TYPE})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    activity = PodActivity.open(runner.addresses[0][1])
    with pytest.raises(UnavailableError):
        await activity.calls(HOST)
    if said == "moved":
        assert not await activity.ready(HOST)
    await activity.close()
    await runner.cleanup()


async def test_one_that_never_ends_its_answer_is_left() -> None:
    hanging = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        await hanging.wait()
        return web.Response()

    app = web.Application()
    app.router.add_get("/metrics", hang)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    activity = PodActivity.open(runner.addresses[0][1])
    async with asyncio.timeout(60):
        with pytest.raises(UnavailableError):
            await activity.calls(HOST)
    hanging.set()
    await activity.close()
    await runner.cleanup()
