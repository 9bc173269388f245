"""One exam for requests for more quota, in memory and on a real Postgres."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from funkhaus.domain.errors import NotFoundError
from funkhaus.domain.keyset import Moment
from funkhaus.domain.quota import NO_QUOTA, Counts
from funkhaus.domain.quota_request import QuotaRequest, RequestState
from funkhaus.domain.tenant import Tenant
from funkhaus.storage import PostgresStores, open_engine
from tests.support.stores import MemoryStores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from funkhaus.ports import Stores

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
EXTRA = replace(NO_QUOTA, cpu_millis=500)


@pytest.fixture(params=["memory", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """The database's, or empty for the one in memory."""
    return "" if request.param == "memory" else str(request.getfixturevalue("database"))


@pytest.fixture
async def stores(url: str) -> AsyncIterator[Stores]:
    """With tenants blue and red."""
    engine = open_engine(url, pool=5, seconds=5, name="contract") if url else None
    found: Stores = PostgresStores(engine) if engine else MemoryStores()
    async with found.begin_platform() as platform:
        for tenant in ("blue", "red"):
            await platform.add_tenant(Tenant(tenant, "small"))
    yield found
    if engine:
        await engine.close()


def asked(minutes: int = 0, tenant: str = "blue") -> QuotaRequest:
    at = NOW + minutes * MINUTE
    return QuotaRequest(
        str(uuid4()), tenant, "", EXTRA, "the fair", 7, "fh:1", at, behind=("fh:8", "fh:9")
    )


async def put(stores: Stores, *requests: QuotaRequest) -> None:
    for item in requests:
        async with stores.begin(item.tenant) as work:
            await work.quota_requests.put(item)


async def test_what_is_put_in_comes_out_and_what_became_of_it(stores: Stores) -> None:
    request = replace(asked(), counts=Counts(namespaces=1, tokens=2))
    await put(stores, request)
    async with stores.begin("blue") as work:
        assert await work.quota_requests.find(request.id) == request
    decided = replace(
        request, state=RequestState.APPROVED, decided_by="fh:2", decided_at=NOW, note="yes",
        expires_at=NOW + MINUTE,
    )  # fmt: skip
    await put(stores, decided)
    async with stores.begin("blue") as work:
        assert await work.quota_requests.find(request.id) == decided
        assert list(await work.quota_requests.page(RequestState.APPROVED)) == [decided]
        assert not await work.quota_requests.page(RequestState.PENDING)
    async with stores.begin_platform() as platform:
        assert list(await platform.quota_requests.expired(NOW + MINUTE)) == [decided]
        assert not await platform.quota_requests.expired(NOW)
        assert not await platform.quota_requests.pending()


async def test_what_has_expired_comes_in_pages_by_id(stores: Stores) -> None:
    made = sorted(
        (replace(asked(), state=RequestState.APPROVED, expires_at=NOW) for _ in range(5)),
        key=lambda item: item.id,
    )
    await put(stores, *made)
    async with stores.begin_platform() as platform:
        assert list(await platform.quota_requests.expired(NOW, limit=2)) == made[:2]
        found = await platform.quota_requests.expired(NOW, after=made[1].id, limit=2)
        assert list(found) == made[2:4]
        assert list(await platform.quota_requests.expired(NOW, after=made[3].id)) == made[4:]
        assert not await platform.quota_requests.expired(NOW, after=made[4].id)


async def test_a_neighbour_s_are_none(stores: Stores) -> None:
    request = asked()
    await put(stores, request)
    async with stores.begin("red") as work:
        assert not await work.quota_requests.page()
        for key in (request.id, str(uuid4()), "no-uuid"):
            with pytest.raises(NotFoundError):
                await work.quota_requests.find(key)
        with pytest.raises(ValueError, match="'blue'"):
            await work.quota_requests.put(request)


async def test_they_come_in_pages_by_age(stores: Stores) -> None:
    """Those of one instant too, each once; the platform's oldest first, over all tenants."""
    made = sorted(
        (asked(count // 2, "red" if count == 2 else "blue") for count in range(6)),
        key=lambda item: Moment.of(item.requested_at, item.id),
    )
    await put(stores, *made)
    places = [Moment.of(item.requested_at, item.id) for item in made]
    own = [item for item in reversed(made) if item.tenant == "blue"]
    async with stores.begin("blue") as work:
        assert list(await work.quota_requests.page(limit=2)) == own[:2]
        behind = Moment.of(own[1].requested_at, own[1].id)
        assert list(await work.quota_requests.page(after=behind, limit=2)) == own[2:4]
        assert not await work.quota_requests.page(after=places[0])
    async with stores.begin_platform() as platform:
        assert list(await platform.quota_requests.pending(limit=4)) == made[:4]
        assert list(await platform.quota_requests.pending(after=places[3])) == made[4:]
