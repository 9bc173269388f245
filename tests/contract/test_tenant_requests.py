"""One exam for requests for tenants, in memory and on a real Postgres."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from funkhaus.domain.errors import NotFoundError
from funkhaus.domain.keyset import Moment
from funkhaus.domain.tenant_request import TenantRequest, TenantRequestState
from funkhaus.domain.user import Identity, User
from funkhaus.storage import PostgresStores, open_engine
from tests.support.stores import MemoryStores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from funkhaus.ports import Stores

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


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


async def known(stores: Stores, name: str) -> User:
    identity = Identity("https://idp.example", name, f"{name}@example.com", name.title())
    async with stores.begin_platform() as work:
        return await work.users.signed_in(identity, NOW)


def asked(user: User, tenant: str, after: int = 0) -> TenantRequest:
    return TenantRequest(
        str(uuid4()), tenant, "large", "", "the fair", user.id, user.display_name, user.email,
        NOW + after * MINUTE,
    )  # fmt: skip


async def added(stores: Stores, *requests: TenantRequest) -> None:
    async with stores.begin_platform() as work:
        for request in requests:
            await work.tenant_requests.add(request)


async def test_what_is_put_in_comes_out(stores: Stores) -> None:
    ada = await known(stores, "ada")
    request = asked(ada, "acme")
    await added(stores, request)
    async with stores.begin_platform() as work:
        assert await work.tenant_requests.locked(request.id) == request
        assert await work.tenant_requests.locked(request.id.upper()) == request
        assert list(await work.tenant_requests.of_user(ada.id)) == [request]


async def test_own_ones_are_newest_first_and_waiting_ones_oldest_first(stores: Stores) -> None:
    ada, bob = await known(stores, "ada"), await known(stores, "bob")
    first, second, other = asked(ada, "a", 1), asked(ada, "b", 3), asked(bob, "c", 2)
    await added(stores, second, first, other)
    over = replace(
        second,
        state=TenantRequestState.REJECTED,
        decided_by="fh:9",
        decided_at=NOW + 5 * MINUTE,
        note="no",
    )
    async with stores.begin_platform() as work:
        assert list(await work.tenant_requests.of_user(ada.id)) == [second, first]
        assert list(await work.tenant_requests.pending()) == [first, other, second]
        await work.tenant_requests.decided(over)
    async with stores.begin_platform() as work:
        assert list(await work.tenant_requests.pending()) == [first, other]
        assert list(await work.tenant_requests.pending(bob.id)) == [other]
        assert list(await work.tenant_requests.pending(limit=1)) == [first]
        assert list(await work.tenant_requests.of_user(ada.id, limit=1)) == [over]
        assert list(await work.tenant_requests.of_user(bob.id)) == [other]


async def test_they_come_in_pages_by_age(stores: Stores) -> None:
    """Those of one instant too, each once."""
    ada = await known(stores, "ada")
    made = sorted(
        (asked(ada, f"t{count}", count // 2) for count in range(5)),
        key=lambda item: Moment.of(item.requested_at, item.id),
    )
    await added(stores, *made)
    places = [Moment.of(item.requested_at, item.id) for item in made]
    async with stores.begin_platform() as work:
        store = work.tenant_requests
        assert list(await store.pending(limit=2)) == made[:2]
        assert list(await store.pending(after=places[1])) == made[2:]
        assert list(await store.pending(ada.id, after=places[1], limit=2)) == made[2:4]
        assert list(await store.of_user(ada.id, limit=2)) == [made[4], made[3]]
        assert list(await store.of_user(ada.id, after=places[3])) == [made[2], made[1], made[0]]
        assert not await store.pending(after=places[4])
        assert not await store.of_user(ada.id, after=places[0])


@pytest.mark.parametrize("request_id", ["", "x", "6f1c2a9e-6a2b-4b0e-9d3c-0c5f7f1f2b11"])
async def test_what_is_not_there(stores: Stores, request_id: str) -> None:
    async with stores.begin_platform() as work:
        with pytest.raises(NotFoundError):
            await work.tenant_requests.locked(request_id)


async def test_a_request_is_somebodys(stores: Stores) -> None:
    nobody = replace(await known(stores, "ada"), id=str(uuid4()))
    with pytest.raises(NotFoundError):
        await added(stores, asked(nobody, "acme"))


async def test_two_who_decide_take_turns(stores: Stores) -> None:
    request = asked(await known(stores, "ada"), "acme")
    await added(stores, request)

    async def decide() -> bool:
        async with stores.begin_platform() as work:
            found = await work.tenant_requests.locked(request.id)
            if found.state is not TenantRequestState.PENDING:
                return False
            await asyncio.sleep(0)
            await work.tenant_requests.decided(replace(found, state=TenantRequestState.APPROVED))
            return True

    assert sorted(await asyncio.gather(decide(), decide(), decide())) == [False, False, True]
