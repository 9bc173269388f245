"""What every `IdempotencyKeys` promises, in memory and on a real Postgres."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from funkhaus.domain.idempotency import Claim, Kept
from funkhaus.storage import PostgresStores, open_engine
from tests.support.stores import MemoryStores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from funkhaus.ports import Stores

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
LEASE, DAY = timedelta(seconds=35), timedelta(days=1)
ANSWER = Kept(b"same", 201, "application/json", b'{"a":1}')


@pytest.fixture(params=["memory", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """The database's, or empty for the one in memory."""
    return "" if request.param == "memory" else str(request.getfixturevalue("database"))


@pytest.fixture
async def stores(url: str) -> AsyncIterator[Stores]:
    engine = open_engine(url, pool=5, seconds=5, name="contract") if url else None
    yield PostgresStores(engine) if engine else MemoryStores()
    if engine:
        await engine.close()


def a_claim(now: datetime = NOW, key: bytes = b"key") -> Claim:
    return Claim(key, b"same", str(uuid4()), now + LEASE, now + DAY)


async def claimed(stores: Stores, claim: Claim, now: datetime = NOW) -> Kept | None:
    async with stores.begin_platform() as work:
        return await work.idempotency.claim(claim, now)


async def finished(stores: Stores, claim: Claim, kept: Kept = ANSWER) -> None:
    async with stores.begin_platform() as work:
        await work.idempotency.finish(claim, kept)


async def test_first_come_the_others_wait_and_then_see_the_answer(stores: Stores) -> None:
    first = a_claim()
    assert await claimed(stores, first) is None
    assert await claimed(stores, a_claim()) == Kept(b"same")
    assert await claimed(stores, a_claim(key=b"other")) is None
    await finished(stores, first)
    assert await claimed(stores, a_claim()) == ANSWER


async def test_of_many_at_once_one_has_it(stores: Stores) -> None:
    found = await asyncio.gather(*[claimed(stores, a_claim()) for _ in range(20)])
    assert [item for item in found if item is None] == [None]


async def test_what_is_released_can_be_taken(stores: Stores) -> None:
    first = a_claim()
    await claimed(stores, first)
    async with stores.begin_platform() as work:
        await work.idempotency.release(first)
    assert await claimed(stores, a_claim()) is None


async def test_a_dead_holder_loses_it_and_can_write_nothing_any_more(stores: Stores) -> None:
    dead, later = a_claim(), NOW + LEASE
    await claimed(stores, dead)
    assert await claimed(stores, a_claim(), later - timedelta(seconds=1)) == Kept(b"same")
    heir = a_claim(later)
    assert await claimed(stores, heir, later) is None
    await finished(stores, dead, replace(ANSWER, status=200))
    async with stores.begin_platform() as work:
        await work.idempotency.release(dead)
    assert await claimed(stores, a_claim(later), later) == Kept(b"same")
    await finished(stores, heir)
    assert await claimed(stores, a_claim(later), later + LEASE) == ANSWER


async def test_after_a_day_it_is_forgotten_bit_by_bit(stores: Stores) -> None:
    for number in range(5):
        claim = a_claim(key=bytes([number]))
        await claimed(stores, claim)
        await finished(stores, claim)
    young = a_claim(NOW + DAY, b"young")
    await claimed(stores, young, NOW + DAY)
    swept = []
    for _ in range(3):
        async with stores.begin_platform() as work:
            swept.append(await work.idempotency.sweep(NOW + DAY, limit=3))
    assert swept == [3, 2, 0]
    assert await claimed(stores, a_claim(NOW + DAY, b"young"), NOW + DAY) is not None
    assert await claimed(stores, a_claim(NOW + DAY, b"\1"), NOW + DAY) is None
