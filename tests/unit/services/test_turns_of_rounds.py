"""What fails for ever stands at the beginning of every list; the rest has its turn all the same."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from funkhaus.domain.approval import Approval, ApprovalState, ApproverRule
from funkhaus.domain.charge import Key
from funkhaus.domain.errors import UnavailableError
from funkhaus.domain.quota import NO_QUOTA
from funkhaus.domain.quota_request import QuotaRequest, RequestState
from funkhaus.domain.tenant import Tenant
from funkhaus.ports import Override
from funkhaus.services.acts import Acts
from funkhaus.services.holding import Holding
from funkhaus.services.quota_requests import QuotaRequestService
from funkhaus.services.quotas import QuotaService
from funkhaus.services.rounds import SOME, Turns
from tests.support.clock import FakeClock
from tests.support.stores import MemoryStores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.support.stores import MemoryTenantWork

BAD = [f"bad-{number:03}" for number in range(2 * SOME)]
"""Tenants whose transactions fail, enough for two rounds."""
GOOD = ["aaa", "good", "zzz"]


class Brittle(MemoryStores):
    """Stores that fail for some tenants, for ever."""

    @asynccontextmanager
    async def begin(self, tenant: str) -> AsyncIterator[MemoryTenantWork]:
        if tenant in BAD and self.broken_ones:
            raise UnavailableError("this one never works")
        async with super().begin(tenant) as work:
            yield work

    broken_ones = False


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def stores() -> Brittle:
    found = Brittle()
    async with found.begin_platform() as platform:
        for tenant in (*BAD, *GOOD):
            await platform.add_tenant(Tenant(tenant, "small"))
    return found


def acts(stores: Brittle) -> Acts:
    return Acts(stores)


async def rounds(act: Callable[[], Awaitable[int]]) -> int:
    """How many rounds do something, of as many as it takes to get everywhere once."""
    return sum([await act() for _ in range(3)])


async def test_overrides(stores: Brittle, clock: FakeClock) -> None:
    for tenant in (*BAD, *GOOD):
        async with stores.begin(tenant) as work:
            await work.ledger.set_override(Override(NO_QUOTA, "x", "fh:1", clock.now()))
    stores.broken_ones = True
    service = QuotaService(stores, acts(stores), clock, lambda: None)
    assert await rounds(service.expire) == len(GOOD)
    async with stores.begin_platform() as platform:
        assert set(await platform.ledger.expired_overrides(clock.now(), limit=999)) == set(BAD)
    stores.broken_ones = False
    assert await rounds(service.expire) == len(BAD)


async def test_quota_requests(stores: Brittle, clock: FakeClock) -> None:
    for tenant in (*BAD, *GOOD):
        request = QuotaRequest(
            str(uuid4()), tenant, "", replace(NO_QUOTA, functions=1), "x", 1, "fh:1", clock.now(),
            state=RequestState.APPROVED, expires_at=clock.now(),
        )  # fmt: skip
        async with stores.begin(tenant) as work:
            await work.quota_requests.put(request)
    stores.broken_ones = True
    service = QuotaRequestService(stores, acts(stores), clock, lambda: None)
    assert await rounds(service.expire) == len(GOOD)
    stores.broken_ones = False
    assert await rounds(service.expire) == len(BAD)


async def test_approvals(stores: Brittle, clock: FakeClock) -> None:
    for tenant in (*BAD, *GOOD):
        row = Approval(
            id=str(uuid4()), tenant=tenant, key=Key("Function", "default", "hello"), spec_digest="",
            findings=(), rule=ApproverRule(), requested_by="fh:1", behind=(),
            requested_at=clock.now() - timedelta(days=9), expires_at=clock.now(), policy_revision="",
        )  # fmt: skip
        async with stores.begin(tenant) as work:
            await work.approvals.put(row)
    stores.broken_ones = True
    service = Holding(stores, clock)
    assert await rounds(service.lapse) == len(GOOD)
    states = {row.tenant: row.state for row in stores.state.approvals.values()}
    assert {states[tenant] for tenant in GOOD} == {ApprovalState.EXPIRED}
    assert {states[tenant] for tenant in BAD} == {ApprovalState.PENDING}


def test_after_the_last_the_next_begins_anew() -> None:
    turns = Turns()
    turns.took([str(number) for number in range(SOME)])
    assert turns.after == str(SOME - 1)
    turns.took(["x"])
    assert turns.after == ""
    turns.took([])
    assert turns.after == ""
