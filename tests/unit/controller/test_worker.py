"""Several objects at a time, one worker per object, and a bad one never stops another."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.errors import ConflictError, ForbiddenError, TimedOutError, UnavailableError
from funkhaus.services.materialisation import Next
from funkhaus_controller import schedule
from funkhaus_controller.agenda import Key
from funkhaus_controller.outcome import CONFLICT_PAUSE, of_error, of_result
from funkhaus_controller.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def key(name: str) -> Key:
    return Key("Function", "ns", name)


@pytest.mark.parametrize(
    ("error", "label", "failed", "crash"),
    [
        (UnavailableError(), "unavailable", True, False),
        (TimedOutError(), "unavailable", True, False),
        (TimeoutError(), "unavailable", True, False),
        (ForbiddenError(), "forbidden", True, False),
        (KeyError("x"), "crash", True, True),
    ],
)
def test_what_becomes_of_an_error(error: Exception, label: str, failed: bool, crash: bool) -> None:  # noqa: FBT001
    outcome = of_error(error)
    assert (outcome.label, outcome.failed, outcome.crash) == (label, failed, crash)


def test_a_conflict_is_tried_again_soon_and_is_no_failure() -> None:
    outcome = of_error(ConflictError())
    assert (outcome.after, outcome.failed) == (CONFLICT_PAUSE, False)
    assert of_result(Next("done", 3)).after == 3


async def working(
    reconcile: Callable[[str, str], Awaitable[Next]],
    names: str,
    until: asyncio.Event,
    workers: int = 4,
) -> None:
    """Work on some objects until an event is set, at most for a second."""
    worker = Worker({"Function": reconcile}, workers=workers)
    for name in names:
        worker.add(key(name))
    task = asyncio.create_task(worker.run())
    async with asyncio.timeout(5):
        await until.wait()
    worker.drain()
    async with asyncio.timeout(5):
        await task


async def test_a_bad_object_does_not_stop_its_neighbours() -> None:
    seen: set[str] = set()
    done = asyncio.Event()

    async def reconcile(_: str, name: str) -> Next:
        if name == "b":
            raise KeyError("a mistake of ours")
        seen.add(name)
        if seen == {"a", "c"}:
            done.set()
        return Next("done")

    await working(reconcile, "abc", done, workers=1)
    assert seen == {"a", "c"}


async def test_an_object_that_hangs_does_not_stop_its_neighbours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done, never = asyncio.Event(), asyncio.Event()
    cancelled = False

    async def reconcile(_: str, name: str) -> Next:
        nonlocal cancelled
        if name == "a":
            try:
                await never.wait()
            except asyncio.CancelledError:
                cancelled = True
                raise
        done.set()
        return Next("done")

    monkeypatch.setattr(schedule, "DRAIN", 0.01)
    await working(reconcile, "ab", done, workers=2)
    assert cancelled


async def test_no_object_is_worked_on_twice_at_once() -> None:
    at_once = most = rounds = 0
    done = asyncio.Event()
    worker: Worker

    async def reconcile(_: str, __: str) -> Next:
        nonlocal at_once, most, rounds
        at_once += 1
        most = max(most, at_once)
        worker.add(key("a"))
        await asyncio.sleep(0)
        at_once -= 1
        rounds += 1
        if rounds == 20:
            done.set()
        return Next("done")

    worker = Worker({"Function": reconcile}, workers=8)
    worker.add(key("a"))
    task = asyncio.create_task(worker.run())
    async with asyncio.timeout(5):
        await done.wait()
    worker.drain()
    await task
    assert most == 1


async def test_places_are_bounded() -> None:
    at_once = most = 0
    seen: set[str] = set()
    done = asyncio.Event()

    async def reconcile(_: str, name: str) -> Next:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        seen.add(name)
        if len(seen) == 8:
            done.set()
        return Next("done")

    await working(reconcile, "abcdefgh", done, workers=3)
    assert most == 3


async def test_a_kind_nobody_reconciles_is_no_work() -> None:
    done = asyncio.Event()

    async def reconcile(_: str, name: str) -> Next:
        assert name == "a"
        done.set()
        return Next("done")

    worker = Worker({"Function": reconcile})
    worker.add(Key("Sofa", "ns", "b"))
    worker.add(key("a"))
    task = asyncio.create_task(worker.run())
    await done.wait()
    worker.drain()
    await task
