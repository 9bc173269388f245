"""Attacks on the ledger, by the ids of docs/attacks.md, on a real Postgres."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.charge import Key
from funkhaus.domain.errors import NotFoundError
from funkhaus.domain.kinds import FUNCTION
from funkhaus.domain.quota import NOTHING, Amounts, Quota
from funkhaus.domain.tenant import Namespace, Tenant
from funkhaus.services.ledger import LedgerService
from funkhaus.storage import PostgresStores, open_engine
from tests.support.clock import FakeClock
from tests.support.questions import function

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOMY = Quota(1000, 1000, 1000, 1_000_000, 2**40, 1000)
ONE = Amounts(functions=1)
NAMES = ("default", "shop", "lab")


@pytest.fixture
async def stores(database: str) -> AsyncIterator[PostgresStores]:
    """Tenant demo, whose namespaces could each hold more than it."""
    engine = open_engine(database, pool=8, seconds=60, name="attacks")
    found = PostgresStores(engine)
    async with found.begin_platform() as platform:
        await platform.add_tenant(Tenant("demo", "small"))
    async with found.begin("demo") as work:
        for name in NAMES:
            await work.add_namespace(Namespace("demo", name, ROOMY))
    yield found
    await engine.close()


@pytest.fixture
def ledger(stores: PostgresStores) -> LedgerService:
    return LedgerService(stores, FakeClock())


async def functions(stores: PostgresStores, namespace: str = "") -> int:
    async with stores.begin("demo") as work:
        account = await work.ledger.account(namespace)
    return account.used.functions + account.reserved.functions


async def limit(stores: PostgresStores, number: int) -> int:
    """Set the tenant's limit; what it held in that moment."""
    async with stores.begin("demo") as work:
        await work.ledger.lock()
        account = await work.ledger.account()
        held = account.used.functions + account.reserved.functions
        await work.ledger.set_tenant_quota(Quota(number, 0, 1000, 1_000_000, 2**40, 0))
    return held


async def test_b44_five_hundred_ask_for_the_last_place(
    stores: PostgresStores, ledger: LedgerService
) -> None:
    await limit(stores, 1)
    answers = await asyncio.gather(
        *(
            ledger.reserve("demo", Key("Function", NAMES[number % 3], f"f{number}"), ONE, 0)
            for number in range(500)
        )
    )
    assert sum(not found for found in answers) == 1
    assert {item.code for found in answers for item in found} == {"quota-tenant-functions"}
    assert await functions(stores) == 1


async def test_b45_a_limit_lowered_under_way_is_in_force_for_who_comes_after(
    stores: PostgresStores, ledger: LedgerService
) -> None:
    await limit(stores, 40)

    async def lowered() -> int:
        return await limit(stores, 10)

    asks = [
        asyncio.create_task(ledger.reserve("demo", Key("Function", "shop", f"f{number}"), ONE, 0))
        for number in range(60)
    ]
    lowering = asyncio.create_task(lowered())
    answers = await asyncio.gather(*asks)
    held = await lowering
    assert await functions(stores) == max(held, 10)
    assert sum(not found for found in answers) == max(held, 10)
    assert await ledger.reserve("demo", Key("Function", "shop", "late"), ONE, 0)


async def test_b48_what_is_seen_often_late_or_out_of_order_counts_once(
    stores: PostgresStores, ledger: LedgerService
) -> None:
    """Pods are not counted, whatever state they are in: the Function is, at its largest number of replicas."""
    await ledger.reserve("demo", Key("Function", "default", "hello"), ONE, 0)
    manifest = function()
    for version in ("7", "7", "9", "8", "7"):
        manifest["metadata"] |= {"resourceVersion": version, "namespace": "demo--default"}
        manifest["status"] = {"replicas": int(version)}
        assert await ledger.seen(FUNCTION, manifest) == ()
        assert await functions(stores) == 1
    for _ in range(2):
        await ledger.missing(FUNCTION, "demo--default", "hello")
        assert await functions(stores) == 0


async def test_b50_a_namespace_that_goes_takes_nothing_with_it_and_leaves_nothing(
    stores: PostgresStores, ledger: LedgerService
) -> None:
    """The same name elsewhere is another object; asks race with the end of their namespace."""
    for namespace in ("default", "shop"):
        assert await ledger.reserve("demo", Key("Function", namespace, "hello"), ONE, 0) == ()
    assert await functions(stores) == 2

    async def gone() -> None:
        async with stores.begin("demo") as work:
            await work.ledger.lock()
            await work.remove_namespace("lab")

    asks = [ledger.reserve("demo", Key("Function", "lab", f"f{n}"), ONE, 0) for n in range(10)]
    answers = await asyncio.gather(gone(), *asks, return_exceptions=True)
    assert all(isinstance(item, NotFoundError) or not item for item in answers), answers
    with pytest.raises(NotFoundError):
        await ledger.reserve("demo", Key("Function", "lab", "late"), ONE, 0)
    async with stores.begin("demo") as work:
        assert await work.ledger.balance() == 0
        for number in range(10):
            charge = await work.ledger.charge(Key("Function", "lab", f"f{number}"))
            assert charge is None or charge.used == NOTHING
