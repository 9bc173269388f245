"""Jobs beside answering: no failure ends one."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from funkhaus.domain.errors import UnavailableError
from funkhaus_api.workers import Bell, Worker


async def rests(
    worker_of: list[BaseException | None], *, after_failure: float | None
) -> list[float]:
    """The pauses of a worker whose rounds end so, one after the other."""
    turns, pauses = iter(worker_of), list[float]()

    async def round_of_all() -> None:
        if error := next(turns):
            raise error

    async def rest(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == len(worker_of):
            raise asyncio.CancelledError

    with suppress(asyncio.CancelledError):  # by the last rest
        await Worker("try", round_of_all, 1.0, after_failure=after_failure, rest=rest).run()
    return pauses


async def test_no_failure_ends_it_and_a_failed_round_rests_longer() -> None:
    ends = [None, UnavailableError("the database is away"), KeyError("a bug"), None]
    assert await rests(ends, after_failure=30.0) == [1.0, 30.0, 30.0, 1.0]
    assert await rests(ends, after_failure=None) == [1.0, 1.0, 1.0, 1.0]


async def test_it_ends_when_it_is_cancelled_at_work() -> None:
    began = asyncio.Event()

    async def round_of_all() -> None:
        began.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(Worker("try", round_of_all, 0.0).run())
    await began.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):  # as it was asked to
        await task
    assert task.cancelled()


async def test_a_bell_rung_before_it_is_waited_for_is_heard_once() -> None:
    bell = Bell()
    bell.ring()
    async with asyncio.timeout(20):
        await bell.wait(60)
    waiting = asyncio.create_task(bell.wait(60))
    await asyncio.sleep(0)
    assert not waiting.done()
    bell.ring()
    async with asyncio.timeout(20):
        await waiting
