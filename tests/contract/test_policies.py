"""What every `Policies` promises, in memory and on a real Postgres."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.errors import NotFoundError
from funkhaus.domain.policy_set import Activation, PolicySet
from funkhaus.storage import PostgresStores, open_engine
from tests.support.stores import MemoryStores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from funkhaus.ports import Stores

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
ONE = PolicySet({"funkhaus/admission/a/a.rego": "package a\n", "data/x.yaml": "x: {ü: 1}\n"})
TWO = PolicySet({"funkhaus/admission/a/a.rego": "package b\n"})


@pytest.fixture(params=["memory", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """The database's, or empty for the one in memory."""
    return "" if request.param == "memory" else str(request.getfixturevalue("database"))


@pytest.fixture
async def stores(url: str) -> AsyncIterator[Stores]:
    engine = open_engine(url, pool=10, seconds=5, name="contract") if url else None
    yield PostgresStores(engine) if engine else MemoryStores()
    if engine:
        await engine.close()


async def activated(stores: Stores, policies: PolicySet, reason: str = "because") -> Activation:
    async with stores.begin_platform() as work:
        await work.policies.add(policies)
        return await work.policies.activate(Activation(policies.revision, NOW, "ada", reason))


async def test_nothing_is_in_force_before_the_first(stores: Stores) -> None:
    async with stores.begin_platform() as work:
        assert await work.policies.active() is None
        assert list(await work.policies.history()) == []


async def test_what_is_kept_comes_back_as_it_was(stores: Stores) -> None:
    for _ in range(2):
        async with stores.begin_platform() as work:
            await work.policies.add(ONE)
    async with stores.begin_platform() as work:
        found = await work.policies.find(ONE.revision)
        assert dict(found.files) == dict(ONE.files)
        assert found.revision == ONE.revision
        with pytest.raises(NotFoundError):
            await work.policies.find("sha256:none")


async def test_only_what_is_kept_is_put_in_force(stores: Stores) -> None:
    async with stores.begin_platform() as work:
        with pytest.raises(NotFoundError):
            await work.policies.activate(Activation("sha256:none", NOW, "ada", "x"))


async def test_the_latest_holds_and_an_earlier_one_can_come_back(stores: Stores) -> None:
    first = await activated(stores, ONE)
    second = await activated(stores, TWO)
    third = await activated(stores, ONE, "back again")
    assert first.sequence < second.sequence < third.sequence
    async with stores.begin_platform() as work:
        assert await work.policies.active() == third
        assert list(await work.policies.history()) == [third, second, first]
        assert list(await work.policies.history(limit=1)) == [third]
        assert list(await work.policies.history(before=third.sequence, limit=1)) == [second]


async def test_many_at_once_are_one_after_another(stores: Stores) -> None:
    done = await asyncio.gather(*[activated(stores, ONE, str(number)) for number in range(8)])
    async with stores.begin_platform() as work:
        history = await work.policies.history()
    assert sorted(done, key=lambda item: -item.sequence) == list(history)
