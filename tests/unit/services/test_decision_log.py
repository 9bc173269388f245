"""The decision log beside the reviews: it never makes one wait, and says what it lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from funkhaus.domain.decision import Decision
from funkhaus.domain.errors import UnavailableError
from funkhaus.domain.tenant import NamespaceQuota
from funkhaus.services import decision_log
from funkhaus.services.decision_log import DecisionLog, DecisionRetention, Kept
from funkhaus.services.reviews import Operation
from tests.support.clock import FakeClock
from tests.support.questions import function
from tests.support.stores import MemoryStores

from .test_reviews import USER, House

NOW = FakeClock().now()


def decision(number: int, tenant: str = "demo") -> Decision:
    return Decision(
        *(str(number), "r", tenant, "default", "Function", "hello", "u", "fh:1", "CREATE"),
        *("allow", ()),
        NOW,
        asked={"kind": "Function"},
    )


def ids(stores: MemoryStores) -> list[str]:
    return [row.id for _, row in sorted(stores.state.decisions.items())]


class Counted:
    """How many were lost and written."""

    def __init__(self) -> None:
        self.lost = self.written = 0

    def log(self, stores: MemoryStores, **bounds: int) -> DecisionLog:
        def lose(count: int) -> None:
            self.lost += count

        def write(count: int) -> None:
            self.written += count

        return DecisionLog(stores, lost=lose, written=write, **bounds)


async def test_what_is_noted_is_written_in_order_and_sealed() -> None:
    stores, counted = MemoryStores(), Counted()
    log = counted.log(stores, batch=2)
    for number in range(5):
        log.note(decision(number))
    assert ids(stores) == []
    await log.flush()
    assert ids(stores) == ["0", "1", "2", "3", "4"]
    assert stores.state.decisions["demo", 1].input == '{"kind":"Function"}'
    assert (counted.written, counted.lost) == (5, 0)


async def test_without_a_database_the_latest_wait_and_the_oldest_are_counted() -> None:
    stores, counted = MemoryStores(), Counted()
    stores.broken = UnavailableError("gone")
    log = counted.log(stores, buffer=3, batch=2)
    for number in range(5):
        log.note(decision(number))
    await log.flush()
    assert counted.lost == 2
    stores.broken = None
    log.note(decision(5))
    await log.flush()
    assert counted.lost == 3
    assert ids(stores) == ["3", "4", "5"]


async def test_what_comes_in_while_a_write_fails_keeps_its_place() -> None:
    stores, counted = MemoryStores(), Counted()
    stores.broken = UnavailableError("gone")
    log = counted.log(stores, buffer=3, batch=2)
    for number in range(2):
        log.note(decision(number))
    writing = asyncio.create_task(log.flush())
    for number in (2, 3):
        log.note(decision(number))
    await writing
    stores.broken = None
    await log.flush()
    assert counted.lost + len(ids(stores)) == 4
    assert ids(stores) == ["1", "2", "3"]


async def test_a_batch_nobody_can_write_is_lost_and_the_next_is_not() -> None:
    stores, counted = MemoryStores(), Counted()
    log = counted.log(stores, batch=1)
    log.note(replace(decision(0), asked={"kind": {1, 2}}))  # no JSON
    log.note(decision(1))
    await log.flush()
    assert counted.lost == 1
    assert ids(stores) == ["1"]


async def test_the_end_of_the_process_writes_what_waits_or_says_so() -> None:
    stores, counted = MemoryStores(), Counted()
    log = counted.log(stores)
    log.note(decision(0))
    await log.close()
    assert (ids(stores), counted.lost) == (["0"], 0)
    stores.broken = UnavailableError("gone")
    log.note(decision(1))
    await log.close()
    assert counted.lost == 1


async def test_old_and_many_are_forgotten_and_counting_is_done_once_a_minute() -> None:
    stores, clock = MemoryStores(), FakeClock()
    async with stores.begin_platform() as work:
        old = replace(decision(0), at=clock.now() - timedelta(days=8))
        await work.decisions.add([old, *(decision(number) for number in range(1, 6))])
    retention = DecisionRetention(stores, clock, Kept(days=7, per_tenant=3))
    assert await retention.round() == 3
    assert ids(stores) == ["3", "4", "5"]
    async with stores.begin_platform() as work:
        await work.decisions.add([decision(6)])
    assert await retention.round() == 0
    clock.at += decision_log.TRIM_EVERY
    assert await retention.round() == 1
    assert ids(stores) == ["4", "5", "6"]


async def test_every_decision_is_noted_for_the_log() -> None:
    house = House()
    await house.mutate(function())
    assert house.noted == [], "what is filled in is no decision"
    await house.validate(function())
    await house.validate(function(resources={"cpu": "3", "memory": "1Gi"}), uid="review-2")
    await house.validate(function(timeout=61), old=function(), dry_run=True)
    await house.validate(function(), old=function())
    await house.validate({}, old=function(), operation=Operation.DELETE)
    said = [(d.review, d.operation, d.outcome, d.dry_run) for d in house.noted]
    assert said == [
        ("review-1", "CREATE", "allow", False),
        ("review-2", "CREATE", "deny", False),
        ("review-1", "UPDATE", "allow", True),
    ]
    first, second, _ = house.noted
    assert (first.tenant, first.namespace, first.kind, first.name) == (
        *("demo", "default", "Function", "hello"),
    )
    assert (first.subject, first.id, first.revision) == (USER, "decision-1", "sha256:fake")
    assert [finding.code for finding in second.findings] == ["cpu-above-ceiling"]


async def test_quota_s_objections_are_not_the_rules() -> None:
    house = House()
    async with house.stores.begin("demo") as work:
        await work.ledger.account("default")
    namespace = house.stores.state.namespaces["demo", "default"][0]
    tight = NamespaceQuota(0, 0, 0, 0, 0)
    house.stores.state.namespaces["demo", "default"] = (replace(namespace, quota=tight), True)
    judgement = await house.validate(function())
    assert judgement.refused
    assert [decision.outcome for decision in house.noted] == ["allow"]
