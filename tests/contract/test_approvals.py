"""One exam for approvals in memory and on a real Postgres."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from funkhaus.domain.approval import ApprovalState, Vote
from funkhaus.domain.errors import ConflictError, NotFoundError
from funkhaus.domain.keyset import Moment
from funkhaus.domain.tenant import Tenant
from funkhaus.domain.token import Token, TokenKind
from funkhaus.ports import Backlog, Checked
from funkhaus.storage import PostgresStores, open_engine
from tests.support.approvals import KEY, NOW, approval, put
from tests.support.stores import MemoryStores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from funkhaus.ports import Stores


@pytest.fixture(params=["memory", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    return "" if request.param == "memory" else str(request.getfixturevalue("database"))


@pytest.fixture
async def stores(url: str) -> AsyncIterator[Stores]:
    """Tenants blue and red."""
    engine = open_engine(url, pool=5, seconds=10, name="contract") if url else None
    found: Stores = PostgresStores(engine) if engine else MemoryStores()
    for tenant in ("blue", "red"):
        async with found.begin_platform() as platform:
            await platform.add_tenant(Tenant(tenant, "small"))
    yield found
    if engine:
        await engine.close()


async def test_what_is_written_is_read_and_changed(stores: Stores) -> None:
    row = approval()
    await put(stores, row)
    ended = row.moved(ApprovalState.EXPIRED, NOW, "late")
    async with stores.begin("blue") as work:
        assert await work.approvals.find(row.id, locked=True) == row
        await work.approvals.put(ended)
    async with stores.begin("blue") as work:
        assert await work.approvals.find(row.id) == ended
        for nothing in (str(uuid4()), "x", "\0"):
            with pytest.raises(NotFoundError):
                await work.approvals.find(nothing)


async def test_another_tenant_s_are_like_none(stores: Stores) -> None:
    row = approval()
    await put(stores, row)
    async with stores.begin("red") as work:
        with pytest.raises(NotFoundError):
            await work.approvals.find(row.id)
        assert list(await work.approvals.of(KEY, "")) == list(await work.approvals.page()) == []
        assert await work.approvals.waiting() == 0
        with pytest.raises(ValueError, match="blue"):
            await work.approvals.put(row)


async def test_a_person_votes_once_and_votes_are_read_with_it(stores: Stores) -> None:
    row = approval()
    first = Vote("fh:eve", "fh:eve", NOW, "fine", NOW + timedelta(days=1))
    second = Vote("fh:token", "fh:mia", NOW + timedelta(seconds=1))
    await put(stores, row)
    async with stores.begin("blue") as work:
        await work.approvals.vote(row.id, first)
        await work.approvals.vote(row.id, second)
    with pytest.raises(ConflictError, match="already"):
        async with stores.begin("blue") as work:
            await work.approvals.vote(row.id, replace(first, by="fh:another", at=NOW))
    await put(stores, row)  # writing the row down again leaves the votes alone
    async with stores.begin("blue") as work:
        assert (await work.approvals.find(row.id)).votes == (first, second)


async def test_an_object_s_own_newest_first_without_what_is_over(stores: Stores) -> None:
    rows = [
        approval(age=age, state=state)
        for age, state in enumerate(ApprovalState)
        if state in {ApprovalState.PENDING, ApprovalState.REJECTED, ApprovalState.EXPIRED}
    ]
    over = [approval(state=state) for state in (ApprovalState.SUPERSEDED, ApprovalState.WITHDRAWN)]
    others = [
        approval(key=replace(KEY, name="other")),
        approval(key=replace(KEY, kind="HTTPTrigger")),
    ]
    await put(stores, *rows, *over, *others)
    async with stores.begin("blue") as work:
        found = await work.approvals.of(KEY, "", locked=True)
    assert list(found) == sorted(rows, key=lambda row: row.requested_at, reverse=True)


async def test_what_is_of_the_content_asked_about_is_found_among_many(stores: Stores) -> None:
    wanted = approval(age=1000, spec_digest="sha256:wanted")
    await put(stores, wanted, *(approval(age=age) for age in range(60)))
    async with stores.begin("blue") as work:
        found = await work.approvals.of(KEY, "sha256:wanted")
        assert (found[0], len(found)) == (wanted, 50)
        assert wanted not in await work.approvals.of(KEY, "sha256:a")


async def test_lists_have_what_was_seen(stores: Stores) -> None:
    seen, unseen = approval(age=1), approval(seen_at=None, uid="")
    done, red = approval(age=2, state=ApprovalState.APPROVED), approval("red", age=5)
    no, over = (
        approval(age=3, state=ApprovalState.REJECTED),
        approval(age=4, state=ApprovalState.WITHDRAWN),
    )
    await put(stores, seen, unseen, done, red, no, over)
    async with stores.begin("blue") as work:
        everything = [seen.id, done.id, no.id, over.id]
        assert [row.id for row in await work.approvals.page()] == everything
        first = (await work.approvals.page(limit=1))[0]
        rest = await work.approvals.page(after=Moment.of(first.requested_at, first.id))
        assert [row.id for row in rest] == everything[1:]
        assert list(await work.approvals.page(namespaces=["other"])) == []
        assert len(await work.approvals.page(namespaces=["other", "main"])) == 4
        assert [row.id for row in await work.approvals.page(ApprovalState.APPROVED)] == [done.id]
        assert [row.id for row in await work.approvals.page(limit=1)] == [seen.id]
        assert await work.approvals.waiting() == 2
    async with stores.begin_platform() as platform:
        assert [row.id for row in await platform.approvals.pending()] == [red.id, seen.id]
        assert {item.id for item in await platform.approvals.open()} == {
            seen.id, unseen.id, done.id, red.id, no.id,
        }  # fmt: skip


async def test_what_lapsed_and_what_ended_long_ago(stores: Stores) -> None:
    late = approval(expires_at=NOW)
    ended = approval(age=1, state=ApprovalState.APPROVED, ends_at=NOW, decided_at=NOW)
    fine = approval(state=ApprovalState.APPROVED, ends_at=NOW + timedelta(seconds=1))
    long_ago = NOW - timedelta(days=9)
    old = approval(state=ApprovalState.SUPERSEDED, decided_at=long_ago, expires_at=NOW)
    holding = [
        approval(age=2, state=state, decided_at=long_ago, expires_at=NOW)
        for state in (ApprovalState.REJECTED, ApprovalState.EXPIRED)
    ]
    await put(stores, late, ended, fine, old, *holding)
    async with stores.begin_platform() as platform:
        first, second = sorted((ended.id, late.id))
        assert [row.id for row in await platform.approvals.lapsed(NOW)] == [first, second]
        assert [row.id for row in await platform.approvals.lapsed(NOW, limit=1)] == [first]
        assert [row.id for row in await platform.approvals.lapsed(NOW, after=first)] == [second]
        assert await platform.approvals.forget(long_ago) == 0
        assert await platform.approvals.forget(NOW) == 1
    async with stores.begin("blue") as work:
        with pytest.raises(NotFoundError):
            await work.approvals.find(old.id)
        for row in holding:  # they hold their objects for as long as these are there
            assert await work.approvals.find(row.id) == row


async def test_news_are_of_the_last_seconds(stores: Stores) -> None:
    row = approval()
    await put(stores, row)
    async with stores.begin_platform() as platform:
        (news,) = await platform.approvals.changed(600)
        assert (news.id, news.state, news.tenant, news.key) == (row.id, row.state, "blue", KEY)
    await put(stores, replace(row, state=ApprovalState.APPROVED))
    async with stores.begin_platform() as platform:
        (news,) = await platform.approvals.changed(600)
        assert news.state is ApprovalState.APPROVED
        assert list(await platform.approvals.changed(-600)) == []


async def test_what_needs_none_is_remembered_per_object(stores: Stores) -> None:
    async with stores.begin("blue") as work:
        assert await work.approvals.checked(KEY) is None
        for digest in ("a", "b"):
            await work.approvals.check(KEY, Checked("u1", digest), NOW)
    async with stores.begin("red") as work:
        assert await work.approvals.checked(KEY) is None
    async with stores.begin("blue") as work:
        assert await work.approvals.checked(KEY) == Checked("u1", "b")
        await work.approvals.check(KEY, None, NOW)
        assert await work.approvals.checked(KEY) is None


async def test_who_stands_behind_a_token(stores: Stores) -> None:
    subject, text = str(uuid4()), str(uuid4())
    token = Token(
        text, subject, "ci", TokenKind.USER, "blue", "developer", "1234", NOW, NOW + timedelta(days=1),
        issued_by="fh:bob",
    )  # fmt: skip
    async with stores.begin("blue") as work:
        await work.add_token(token, b"digest")
    async with stores.begin("blue") as work:
        assert (await work.tokens.get(text)).issued_by == "fh:bob"
        assert await work.approvals.issuers(f"fh:{subject}") == {"fh:bob"}
        for other in (f"fh:{uuid4()}", "fh:x", "system:admin", ""):
            assert await work.approvals.issuers(other) == frozenset()
    async with stores.begin("red") as work:
        assert await work.approvals.issuers(f"fh:{subject}") == frozenset()
    async with stores.begin("blue") as work:
        later = NOW + timedelta(days=2)
        await work.tokens.rotate(text, b"other", "5678", later, NOW, issued_by="fh:mia")
        assert await work.approvals.issuers(f"fh:{subject}") == {"fh:mia"}


async def test_how_often_a_content_was_asked_for(stores: Stores) -> None:
    rows = [
        approval(age=age, state=state)
        for age, state in (
            (60, ApprovalState.SUPERSEDED),
            (30, ApprovalState.REJECTED),
            (5, ApprovalState.PENDING),
        )
    ]
    others = [
        approval(spec_digest="sha256:b"),
        approval(key=replace(KEY, name="other")),
        approval(tenant="red"),
    ]
    await put(stores, *rows, *others)
    async with stores.begin("blue") as work:
        asked = await work.approvals.times(KEY, "sha256:a", NOW - timedelta(seconds=60))
        assert list(asked) == [NOW - timedelta(seconds=30), NOW - timedelta(seconds=5)]
        assert list(await work.approvals.times(KEY, "sha256:c", NOW - timedelta(days=1))) == []


async def test_what_waits_in_all_tenants_is_counted(stores: Stores) -> None:
    async with stores.begin_platform() as platform:
        assert await platform.approvals.backlog() == Backlog()
    await put(
        stores,
        approval(age=5),
        approval(tenant="red", age=9),
        approval(age=60, seen_at=None),
        approval(age=70, state=ApprovalState.EXPIRED),
    )
    async with stores.begin_platform() as platform:
        assert await platform.approvals.backlog() == Backlog(2, NOW - timedelta(seconds=9))
