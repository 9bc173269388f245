from __future__ import annotations

import asyncio

import pytest

from funkhaus.services.deadline import promptly


async def test_what_is_done_in_time_is_handed_on() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    assert await promptly(30, work()) == 7


async def test_what_it_raises_is_handed_on() -> None:
    async def work() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await promptly(30, work())


async def test_what_takes_long_to_break_off_is_not_waited_for() -> None:
    """As a driver does that asks a database which hangs to give up a statement."""
    ended, may_end = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            await may_end.wait()
            ended.set()
            raise ZeroDivisionError  # and nobody is told: whoever asked has gone

    with pytest.raises(TimeoutError):
        await promptly(0.01, work())
    assert not ended.is_set()
    may_end.set()
    await ended.wait()


async def test_who_is_cancelled_cancels_the_work() -> None:
    begun, broken_off = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(30)
        finally:
            broken_off.set()

    asking = asyncio.create_task(promptly(30, work()))
    await begun.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await broken_off.wait()
