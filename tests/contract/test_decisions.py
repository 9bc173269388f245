"""What every `Decisions` promises, in memory and on a real Postgres."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.decision import Decision
from funkhaus.domain.verdict import Finding, Outcome
from funkhaus.storage import PostgresStores, open_engine
from tests.support.stores import MemoryStores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from funkhaus.ports import Stores

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
FINDING = Finding(
    "cpu-above-ceiling", "ü ist zu viel", "spec.resources.cpu", Outcome.WARN, "1", "3", ["1", 2]
)
ONE = Decision(
    id="d-1",
    revision="sha256:1",
    tenant="blue",
    namespace="default",
    kind="Function",
    name="hello",
    review="u-1",
    subject="fh:1",
    operation="CREATE",
    outcome="warn",
    findings=(FINDING,),
    at=NOW,
    asked={"kind": "Function", "object": {"name": "ü"}},
).sealed()


@pytest.fixture(params=["memory", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """The database's, or empty for the one in memory."""
    return "" if request.param == "memory" else str(request.getfixturevalue("database"))


@pytest.fixture
async def stores(url: str) -> AsyncIterator[Stores]:
    engine = open_engine(url, pool=3, seconds=5, name="contract") if url else None
    yield PostgresStores(engine) if engine else MemoryStores()
    if engine:
        await engine.close()


async def added(stores: Stores, *decisions: Decision) -> None:
    async with stores.begin_platform() as work:
        await work.decisions.add(decisions)


async def kept(stores: Stores, since: datetime = NOW - timedelta(days=999)) -> Sequence[Decision]:
    async with stores.begin_platform() as work:
        return await work.decisions.page(since, limit=100)


async def test_what_is_added_comes_back(stores: Stores) -> None:
    await added(stores, ONE)
    (found,) = await kept(stores)
    assert found.sequence > 0
    assert replace(found, sequence=0) == ONE
    assert found.input == '{"kind":"Function","object":{"name":"ü"}}'


async def test_characters_no_database_holds_do_not_lose_a_batch(stores: Stores) -> None:
    spoiled = replace(ONE, name="a\0b", asked={"kind": "\0", "object": {"name": "\ud800"}})
    finding = replace(FINDING, value="\0")
    await added(stores, replace(spoiled, findings=(finding,)).sealed(), ONE)
    first, second = await kept(stores)
    assert first.name == "a\ufffdb"
    assert second.id == ONE.id


async def test_pages_go_by_tenant_and_leave_out_dry_runs(stores: Stores) -> None:
    await added(
        stores,
        replace(ONE, tenant="red", id="r1"),
        replace(ONE, id="b1"),
        replace(ONE, id="dry", dry_run=True),
        replace(ONE, id="old", at=NOW - timedelta(days=2)),
        replace(ONE, id="b2"),
    )
    ids, after = [], ("", 0)
    for _ in range(4):
        async with stores.begin_platform() as work:
            page = await work.decisions.page(NOW - timedelta(days=1), after, limit=1)
        if page:
            ids.append(page[0].id)
            after = (page[0].tenant, page[0].sequence)
    assert ids == ["b1", "b2", "r1"]


async def test_the_old_ones_are_forgotten_some_at_a_time(stores: Stores) -> None:
    await added(
        stores, *(replace(ONE, id=str(day), at=NOW - timedelta(days=day)) for day in range(6))
    )
    for expected in (2, 1, 0):
        async with stores.begin_platform() as work:
            assert await work.decisions.forget(NOW - timedelta(days=2), limit=2) == expected
    assert [found.id for found in await kept(stores)] == ["0", "1", "2"]


async def test_a_tenant_keeps_its_latest(stores: Stores) -> None:
    await added(stores, *(replace(ONE, id=f"b{number}") for number in range(5)))
    await added(stores, replace(ONE, tenant="red", id="r"))
    for expected in (2, 1, 0):
        async with stores.begin_platform() as work:
            assert await work.decisions.trim(2, limit=2) == expected
    assert [found.id for found in await kept(stores)] == ["b3", "b4", "r"]
