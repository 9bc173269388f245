"""What is let in and held: its quota, what it asks for and the row on record are one transaction."""

from __future__ import annotations

import dataclasses
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.approval import PENDING_LIMIT
from funkhaus.domain.verdict import Finding, Outcome
from tests.support.questions import function
from tests.support.stores import MemoryStores

from .test_reviews import House

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.stores import State


@pytest.fixture
def house() -> House:
    return House()


class Watched(MemoryStores):
    """Remembers after each transaction what there is: charges, approvals, audit rows."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, int, int]] = []

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[State]:
        async with super()._transaction() as state:
            yield state
        now = self.state
        self.seen.append((len(now.books.charges), len(now.approvals), len(now.audit)))


async def test_what_is_held_is_reserved_asked_for_and_on_record_at_once() -> None:
    """A process that dies in between would leave a reservation that nobody is asked about."""
    watched = Watched()
    house = House(watched)
    house.decider.findings = (Finding("a", "b", outcome=Outcome.REQUIRE_APPROVAL),)
    judgement = await house.validate(function())
    assert judgement.approval
    assert set(watched.seen) <= {(0, 0, 0), (1, 1, 1)}
    assert watched.seen[-1] == (1, 1, 1)
    (row,) = watched.state.audit
    assert row.detail["approval"] == judgement.approval.id
    assert list(watched.state.approvals) == [judgement.approval.id]


async def test_what_may_not_wait_holds_no_quota(house: House) -> None:
    house.decider.findings = (Finding("a", "b", outcome=Outcome.REQUIRE_APPROVAL),)
    assert not (await house.validate(function("waits"))).refused
    state = house.stores.state
    (row,) = state.approvals.values()
    more = {str(n): dataclasses.replace(row, id=str(n)) for n in range(PENDING_LIMIT - 1)}
    state.approvals.update(more)
    state.approvals_changed.update(dict.fromkeys(more, datetime.now(UTC)))
    judgement = await house.validate(function("more"))
    assert judgement.refused
    assert judgement.error
    assert judgement.error.findings[0].code == "approvals-waiting"
    held = [key.name for _, key in house.stores.state.books.charges]
    assert held == ["waits"]
    assert [row.outcome for row in house.stores.state.audit] == ["allowed", "denied"]


async def test_where_there_is_no_room_nobody_is_asked(house: House) -> None:
    house.decider.findings = (Finding("a", "b", outcome=Outcome.REQUIRE_APPROVAL),)
    judgement = await house.validate(function(scaling={"min": 1, "max": 1000}))
    assert judgement.refused
    assert not house.stores.state.approvals
    assert not house.stores.state.books.charges
