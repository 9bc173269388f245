"""What audit logs promise, in memory and on a real Postgres: rows, their places, checkpoints."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from funkhaus.auth import Ed25519Signer
from funkhaus.domain.audit import PLATFORM, Chain, Checkpoint, linked
from funkhaus.domain.audit_verification import Anchor
from funkhaus.domain.errors import ConflictError, NotFoundError
from funkhaus.domain.tenant import Tenant
from funkhaus.ports import AuditFilter, AuditRow
from funkhaus.services.audit_chain import SIGN_AFTER, Chainer
from funkhaus.storage import PostgresStores, open_engine
from tests.support.audit import a_key
from tests.support.clock import FakeClock
from tests.support.stores import MemoryStores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from funkhaus.ports import Stores

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
ANY = AuditFilter()


@pytest.fixture(params=["memory", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """The database's, or empty for the one in memory."""
    return "" if request.param == "memory" else str(request.getfixturevalue("database"))


@pytest.fixture
async def stores(url: str) -> AsyncIterator[Stores]:
    """Tenants blue and red."""
    engine = open_engine(url, pool=8, seconds=5, name="contract") if url else None
    stores: Stores = PostgresStores(engine) if engine else MemoryStores()
    for tenant in ("blue", "red"):
        async with stores.begin_platform() as platform:
            await platform.add_tenant(Tenant(tenant, "small", tenant.title()))
    yield stores
    if engine:
        await engine.close()


def a_row(tenant: str, number: int = 0, **more: str) -> AuditRow:
    facts = {"action": "namespace:create", "target": f"n{number}", "outcome": "done"} | more
    return AuditRow(
        tenant=tenant, subject="fh:1", token_id="t-1", request_id="r-1", detail={"n": number},
        issuer="https://idp.example", sub="ada", before="sha256:0", after="sha256:1", uid="u-1", **facts,
    )  # fmt: skip


async def write(stores: Stores, *rows: AuditRow) -> None:
    for row in rows:
        if row.tenant:
            async with stores.begin(row.tenant) as work:
                await work.audit(row)
        else:
            async with stores.begin_platform() as platform:
                await platform.audit(row)


async def test_a_row_keeps_everything_it_is_given(stores: Stores) -> None:
    await write(stores, a_row("blue"))
    async with stores.begin("blue") as work:
        (listed,), after = await work.audit_trail.page(ANY)
        assert await work.audit_trail.waiting() == 1
    assert (listed.position, listed.hash, after) == (0, "", 0)
    entry = listed.entry
    assert (entry.tenant, entry.issuer, entry.sub, entry.subject) == (
        "blue", "https://idp.example", "ada", "fh:1",
    )  # fmt: skip
    assert (entry.uid, entry.before, entry.after) == ("u-1", "sha256:0", "sha256:1")
    assert (entry.action, entry.target, entry.outcome) == ("namespace:create", "n0", "done")
    assert (entry.token_id, entry.request_id, entry.detail) == ("t-1", "r-1", {"n": 0})


async def test_no_text_is_a_reason_to_lose_a_row(stores: Stores) -> None:
    row = replace(a_row("blue", target="a\0b\ud800"), detail={"x\0": ["\0", "y" * 10_000, 1.5]})
    await write(stores, row)
    async with stores.begin("blue") as work:
        (listed,), _ = await work.audit_trail.page(ANY)
    assert listed.entry.target == "a\ufffdb\ufffd"
    first, long, number = listed.entry.detail["x\ufffd"]
    assert (first, number) == ("\ufffd", 1.5)
    assert len(long) < 5000


async def test_each_sees_its_own_chain(stores: Stores) -> None:
    await write(stores, a_row("blue"), a_row("red"), a_row(PLATFORM))
    for tenant in ("blue", "red"):
        async with stores.begin(tenant) as work:
            found, _ = await work.audit_trail.page(ANY)
            assert [item.entry.tenant for item in found] == [tenant]
    async with stores.begin_platform() as platform:
        found, _ = await platform.audit_trail.page(ANY)
    assert [item.entry.tenant for item in found] == [PLATFORM]


async def test_pages_go_from_the_newest_back(stores: Stores) -> None:
    await write(stores, *(a_row("blue", number) for number in range(5)))
    seen, before = [], 0
    for _ in range(3):
        async with stores.begin("blue") as work:
            found, before = await work.audit_trail.page(ANY, before=before, limit=2)
        seen += [item.entry.detail["n"] for item in found]
    assert (seen, before) == ([4, 3, 2, 1, 0], 0)


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (AuditFilter(action="function:apply"), [2]),
        (AuditFilter(action="function:*"), [2, 1]),
        (AuditFilter(action="f%*"), []),
        (AuditFilter(outcome="denied"), [1]),
        (AuditFilter(target="blue/default/h"), [2, 1]),
        (AuditFilter(actor="ada"), [2, 1, 0]),
        (AuditFilter(actor="fh:1", outcome="done"), [2, 0]),
        (AuditFilter(actor="t-1", action="namespace:create"), [0]),
        (AuditFilter(actor="t-2"), []),
        (AuditFilter(since=datetime(2020, 1, 1, tzinfo=UTC)), [2, 1, 0]),
        (AuditFilter(until=datetime(2020, 1, 1, tzinfo=UTC)), []),
    ],
)
async def test_filters(stores: Stores, wanted: AuditFilter, numbers: list[int]) -> None:
    await write(
        stores,
        a_row("blue", 0),
        a_row("blue", 1, action="function:create", outcome="denied", target="blue/default/hello"),
        a_row("blue", 2, action="function:apply", target="blue/default/hi"),
    )
    async with stores.begin("blue") as work:
        found, _ = await work.audit_trail.page(wanted)
    assert [item.entry.detail["n"] for item in found] == numbers


async def test_rows_get_their_places_and_a_chain_its_checkpoints(stores: Stores) -> None:
    clock, signer = FakeClock(NOW), Ed25519Signer(a_key())
    chainer = Chainer(stores, clock, signer)
    await write(stores, a_row("blue", 0), a_row("red", 1), a_row("blue", 2), a_row(PLATFORM, 3))
    done = await chainer.round()
    assert (done.linked, done.signed, done.failed, done.more) == (4, 0, 0, False)
    assert done.oldest is not None
    clock.pass_seconds(SIGN_AFTER.total_seconds())
    assert (await chainer.round()).signed == 3
    assert await chainer.round() == replace(done, linked=0, oldest=None)
    await write(stores, a_row("blue", 4))
    await chainer.round()
    clock.pass_seconds(SIGN_AFTER.total_seconds())
    assert (await chainer.round()).signed == 1
    async with stores.begin("blue") as work:
        trail = work.audit_trail
        links = await trail.links(after=0)
        assert [(link.position, link.entry.detail["n"]) for link in links] == [
            (1, 0),
            (2, 2),
            (3, 4),
        ]
        assert links == linked(Chain("blue"), [link.entry for link in links])
        assert [link.position for link in await trail.links(after=1, limit=1)] == [2]
        first, second = await trail.checkpoints(after=0)
        assert (first.position, first.hash, first.previous) == (2, links[1].hash, "")
        assert (second.position, second.hash, second.previous) == (3, links[2].hash, first.digest)
        assert await trail.checkpoints(after=0, until=2) == [first]
        assert await trail.chain() == Chain("blue", 3, links[2].hash, 3, second.digest)
        assert await trail.anchor(0) == Anchor()
        assert await trail.anchor(3) == Anchor(3, links[2].hash, 3, second.digest)
        assert await trail.anchor(1) == Anchor(1, links[0].hash, waiting_since=links[0].entry.at)
        with pytest.raises(NotFoundError):
            await trail.anchor(4)
        assert await trail.waiting() == 0


async def test_without_a_key_rows_are_linked_and_nothing_is_signed(stores: Stores) -> None:
    clock = FakeClock(NOW)
    chainer = Chainer(stores, clock, Ed25519Signer(""))
    await write(stores, a_row("blue"))
    assert (await chainer.round()).linked == 1
    clock.pass_seconds(3600)
    assert (await chainer.round()).signed == 0


async def test_a_place_is_given_once(stores: Stores) -> None:
    await write(stores, a_row("blue"))
    async with stores.begin_platform() as work:
        chain = await work.audit_chains.take("blue")
        assert chain == Chain("blue")
        entries = await work.audit_chains.unlinked("blue")
        links = linked(chain, entries)
        await work.audit_chains.link(links, Chain("blue", 1, links[0].hash))
    with pytest.raises(ConflictError):
        async with stores.begin_platform() as work:
            await work.audit_chains.link(links, Chain("blue", 1, links[0].hash))


async def test_what_fails_leaves_no_trace(stores: Stores) -> None:
    await write(stores, a_row("blue"))

    async def fail() -> None:
        async with stores.begin_platform() as work:
            chain = await work.audit_chains.take("blue")
            assert chain is not None
            links = linked(chain, await work.audit_chains.unlinked("blue"))
            await work.audit_chains.link(links, Chain("blue", 1, links[0].hash, due_at=NOW))
            await work.audit_chains.sign(
                Checkpoint("blue", 1, links[0].hash, NOW, "", "k", "s"), Chain("blue", 1, "h")
            )
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    async with stores.begin("blue") as work:
        assert await work.audit_trail.links(after=0) == []
        assert await work.audit_trail.checkpoints(after=0) == []
        assert (await work.audit_trail.chain()).position == 0
        assert await work.audit_trail.waiting() == 1


async def test_a_full_batch_says_that_there_is_more(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("funkhaus.services.audit_chain.BATCH", 2)
    chainer = Chainer(stores, FakeClock(NOW), Ed25519Signer(a_key()))
    await write(stores, *(a_row("blue", number) for number in range(3)))
    first, second = await chainer.round(), await chainer.round()
    assert [(done.linked, done.more) for done in (first, second)] == [(2, True), (1, False)]


async def test_many_rows_are_signed_at_once(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("funkhaus.services.audit_chain.SIGN_ROWS", 3)
    chainer = Chainer(stores, FakeClock(NOW), Ed25519Signer(a_key()))
    await write(stores, a_row("blue", 0), a_row("blue", 1))
    assert (await chainer.round()).signed == 0
    await write(stores, a_row("blue", 2))
    assert (await chainer.round()).signed == 1


async def test_writers_and_chainers_at_once_leave_no_gap_and_no_fork(stores: Stores) -> None:
    """Rows commit in another order than they were begun, two chainers run, and every row has one place."""
    clock, signer = FakeClock(NOW), Ed25519Signer(a_key())
    writing = True

    async def writer(tenant: str, first: int) -> None:
        for number in range(first, first + 25):
            async with stores.begin(tenant) as work:
                await work.audit(a_row(tenant, number))
                await asyncio.sleep((number * 7 % 5) / 1000)

    async def chainer() -> int:
        own, count = Chainer(stores, clock, signer), 0
        while True:
            last = not writing
            done = await own.round()
            count += done.linked
            clock.pass_seconds(11)
            await asyncio.sleep(0.001)
            if last and not done.oldest:
                return count

    chainers = [asyncio.create_task(chainer()) for _ in range(2)]
    await asyncio.gather(
        *(writer(tenant, start) for tenant in ("blue", "red") for start in (0, 100))
    )
    writing = False
    assert sum(await asyncio.gather(*chainers)) == 100
    clock.pass_seconds(timedelta(minutes=1).total_seconds())
    await Chainer(stores, clock, signer).round()
    for tenant in ("blue", "red"):
        async with stores.begin(tenant) as work:
            links = await work.audit_trail.links(after=0)
            chain = await work.audit_trail.chain()
            signed = await work.audit_trail.checkpoints(after=0)
        assert [link.position for link in links] == list(range(1, 51))
        assert links == linked(Chain(tenant), [link.entry for link in links])
        assert {link.entry.detail["n"] for link in links} == {*range(25), *range(100, 125)}
        assert (chain.position, chain.hash) == (50, links[-1].hash)
        assert [item.previous for item in signed] == ["", *(item.digest for item in signed[:-1])]
        assert signed[-1].position == 50
