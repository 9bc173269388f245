"""Places are shared out by tenant, and none is lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.errors import TooManyError
from funkhaus.services.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Sequence


class Hall:
    """Visitors who stay until they are told to go, in the order they came in."""

    def __init__(self, turns: Turns) -> None:
        self.turns, self.inside = turns, list[str]()
        self.doors: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, *names: str) -> None:
        for name in names:
            self.doors[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._visit(name))
            await self.settle()

    async def _visit(self, name: str) -> None:
        async with self.turns.turn(name[0]):
            self.inside.append(name)
            await self.doors[name].wait()

    async def go(self, *names: str) -> None:
        for name in names:
            self.doors[name].set()
            await self.tasks[name]
            await self.settle()

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def all_go(self) -> Sequence[str]:
        for door in self.doors.values():
            door.set()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        return self.inside


async def test_b29_a_flood_waits_for_itself() -> None:
    hall = Hall(Turns(2))
    await hall.come("a1", "a2", "a3", "a4", "b1")
    await hall.go("a1")
    assert hall.inside == ["a1", "a2", "b1"]
    await hall.go("a2")
    assert hall.inside[3:] == ["a3"]
    assert await hall.all_go() == ["a1", "a2", "b1", "a3", "a4"]


async def test_of_equals_the_one_served_longest_ago_is_next() -> None:
    hall = Hall(Turns(1))
    await hall.come("a1", "b1", "c1", "b2", "c2", "a2")
    assert await hall.all_go() == ["a1", "b1", "c1", "a2", "b2", "c2"]


async def test_places_are_taken_at_once_and_given_back() -> None:
    hall = Hall(Turns(2))
    await hall.come("a1", "a2")
    await hall.go("a1", "a2")
    await hall.come("b1", "c1", "d1")
    assert hall.inside[2:] == ["b1", "c1"]
    await hall.all_go()


async def test_who_gives_up_takes_nobodys_place() -> None:
    hall = Hall(Turns(1))
    await hall.come("a1", "b1", "c1")
    hall.tasks["b1"].cancel()
    await hall.settle()
    assert await hall.all_go() == ["a1", "c1"]
    await hall.come("d1")
    assert hall.inside[-1] == "d1"
    await hall.all_go()


async def test_a_place_given_in_the_moment_one_gives_up_goes_on() -> None:
    hall = Hall(Turns(1))
    async with hall.turns.turn("a"):
        await hall.come("b1", "c1")
    hall.tasks["b1"].cancel()  # its place is set, it has not run yet
    assert await hall.all_go() == ["c1"]
    await hall.come("d1")
    assert hall.inside[-1] == "d1"
    await hall.all_go()


async def test_a_queue_is_bounded_for_its_tenant_alone() -> None:
    hall = Hall(Turns(1, waiting=2))
    await hall.come("a1", "a2", "a3", "a4", "b1")
    with pytest.raises(TooManyError, match="2 changes of tenant 'a' wait to be judged already"):
        await hall.tasks["a4"]
    assert await hall.all_go() == ["a1", "a2", "b1", "a3"]
