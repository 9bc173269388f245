"""Accounts that stand for credentials, while processes die and while several work on one at once."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from random import Random
from typing import TYPE_CHECKING, cast

import pytest

from funkhaus.domain.errors import FunkhausError, UnavailableError
from funkhaus.domain.subject import Role, Subject
from funkhaus.services.kubectl_accounts import KubectlAccounts

from .test_kubectl_accounts import MEMBERS, OWNER_OF_BLUE, House, house, logged_out, removed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from funkhaus.ports import Cluster
    from tests.support.cluster import MemoryCluster

__all__ = ["house"]


async def broken_at(house: House, step: int, act: Callable[[], Awaitable[object]]) -> bool:
    """Carry it out with its call to the cluster number `step` failing; whether there was one."""
    count = 0

    def failure(*_: object) -> FunkhausError | None:
        nonlocal count
        count += 1
        return UnavailableError("gone") if count == step else None

    house.cluster.failure = failure
    with suppress(UnavailableError):
        await act()
    house.cluster.failure = lambda *_: None
    return count >= step


@pytest.mark.parametrize("kind", ["exchange", "less", "end"])
async def test_every_step_may_be_the_last_of_a_process(house: House, kind: str) -> None:
    """Each call to the cluster fails once: in an exchange, in a change of rights, in an end. The next round mends it."""
    red = {("red--default", "viewer")}
    wanted = {"exchange": OWNER_OF_BLUE | red, "less": red, "end": set()}[kind]
    for step in range(1, 100):
        ada = await house.signed_in(f"ada{step}", blue=Role.OWNER, red=Role.VIEWER)
        act: Callable[[], Awaitable[object]] = house.accounts.round
        if kind == "exchange":
            act = partial(house.accounts.token, ada)
        else:
            await house.accounts.token(ada)
            await (removed if kind == "less" else logged_out)(house, ada)
        failed = await broken_at(house, step, act)
        house.world.clock.pass_seconds(6)
        await house.accounts.round()
        if kind == "exchange":
            await act()
        assert house.bound(ada) == wanted, step
        await logged_out(house, ada)
        await house.accounts.round()
        assert house.left() == [], step
        if not failed:
            break
    assert step > 5


class Slow:
    """A cluster where other things happen before and after each call, as chance has it."""

    def __init__(self, cluster: MemoryCluster, chance: Random) -> None:
        self._cluster, self._chance = cluster, chance

    def __getattr__(self, name: str) -> Callable[..., Awaitable[object]]:
        call = getattr(self._cluster, name)

        async def later(*words: object, **more: object) -> object:
            for _ in range(self._chance.randrange(4)):
                await asyncio.sleep(0)
            try:
                return await call(*words, **more)
            finally:
                for _ in range(self._chance.randrange(4)):
                    await asyncio.sleep(0)

        return later


@pytest.mark.parametrize("seed", range(40))
async def test_several_processes_at_once_end_where_postgres_is(
    house: House, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("funkhaus.services.kubectl_accounts.PAUSE", 0)
    chance = Random(seed)  # noqa: S311 - to be repeated
    processes = [
        KubectlAccounts(
            house.world.stores,
            cast("Cluster", Slow(house.cluster, chance)),
            house.world.clock,
            house.services.identities.speakers,
            MEMBERS,
        )
        for _ in range(3)
    ]
    people = [
        await house.signed_in(f"p{number}", blue=Role.OWNER, red=Role.VIEWER) for number in range(3)
    ]
    gone = chance.choice(people)

    async def rounds(accounts: KubectlAccounts) -> None:
        for _ in range(chance.randrange(2, 6)):
            await accounts.round()

    async def exchanges(accounts: KubectlAccounts) -> None:
        for _ in range(4):
            with suppress(UnavailableError):
                await accounts.token(chance.choice(people))

    await asyncio.gather(
        changed(house, people, gone, chance),
        *map(rounds, processes),
        *map(exchanges, processes[:2]),
    )
    for _ in range(2):
        await house.accounts.round()
    assert house.bound(gone) == set()
    assert not [name for _, _, name in house.left() if gone.token_id in name]
    for one in people:
        if any(one.token_id in name for _, _, name in house.left()):
            assert house.bound(one) == await due(house, one), one.name


async def changed(house: House, people: list[Subject], gone: Subject, chance: Random) -> None:
    """Change people's roles in blue, one after the other; in the end one logs out."""
    for role in (Role.VIEWER, Role.DEVELOPER, Role.BILLING, Role.OWNER):
        for _ in range(chance.randrange(9)):
            await asyncio.sleep(0)
        async with house.world.stores.begin("blue") as work:
            await work.members.put(chance.choice(people).id, role, house.world.clock.now())
    await logged_out(house, gone)


async def due(house: House, one: Subject) -> set[tuple[str, str]]:
    """What somebody is to be bound to, by Postgres."""
    async with house.world.stores.begin_platform() as work:
        roles = await work.users.roles(one.id)
    places = [] if roles["blue"] is Role.BILLING else ["blue--default", "blue--shop"]
    return {("red--default", "viewer")} | {(place, roles["blue"].value) for place in places}
