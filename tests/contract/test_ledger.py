"""One exam for the books in memory and on a real Postgres."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.charge import Charge, Key
from funkhaus.domain.errors import ConflictError, NotFoundError, PolicyError
from funkhaus.domain.kinds import FUNCTION
from funkhaus.domain.quota import NOTHING, Amounts, Quota
from funkhaus.domain.tenant import Namespace, Tenant
from funkhaus.ports import AuditRow, Override
from funkhaus.ports.audit import AuditFilter
from funkhaus.services.ledger import LedgerService
from funkhaus.storage import PostgresStores, open_engine
from tests.support.clock import FakeClock
from tests.support.stores import PLANS, MemoryStores

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from funkhaus.ports import Stores, TenantWork

NOW = datetime(2026, 1, 1, tzinfo=UTC)
QUOTA = Quota(4, 4, 10, 1000, 1024, 4, 7, 8)
ONE = Amounts(functions=1, replicas=2, cpu_millis=200, memory_bytes=128)
KEY = Key("Function", "default", "hello")


@pytest.fixture(params=["memory", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    return "" if request.param == "memory" else str(request.getfixturevalue("database"))


@pytest.fixture
async def stores(url: str) -> AsyncIterator[Stores]:
    """Tenant blue with namespaces `default` and `shop`, tenant red with `default`."""
    engine = open_engine(url, pool=5, seconds=5, name="contract") if url else None
    found: Stores = PostgresStores(engine) if engine else MemoryStores()
    for tenant, names in (("blue", ("default", "shop")), ("red", ("default",))):
        async with found.begin_platform() as platform:
            await platform.add_tenant(Tenant(tenant, "small"))
        async with found.begin(tenant) as work:
            for name in names:
                await work.add_namespace(Namespace(tenant, name, QUOTA))
    yield found
    if engine:
        await engine.close()


@pytest.fixture
def ledger(stores: Stores) -> LedgerService:
    return LedgerService(stores, FakeClock())


async def held(
    stores: Stores, namespace: str = "", tenant: str = "blue"
) -> tuple[Amounts, Amounts]:
    """Used and reserved of an account."""
    async with stores.begin(tenant) as work:
        account = await work.ledger.account(namespace)
    return account.used, account.reserved


async def moved(
    stores: Stores, before: Charge | None, after: Charge | None, *, guarded: bool = True
) -> Charge | None:
    key = (before or after or Charge(KEY, NOW)).key
    async with stores.begin("blue") as work:
        await work.ledger.move(key, before, after, guarded=guarded)
        return await work.ledger.charge(key)


async def test_quotas_begin_as_the_plan_and_the_owner_say(stores: Stores) -> None:
    async with stores.begin("blue") as work:
        accounts = await work.ledger.accounts()
        assert [account.namespace for account in accounts] == ["", "default", "shop"]
        assert accounts[0].hard == PLANS["small"].tenant_quota
        assert accounts[1].hard == QUOTA
        assert (await work.namespace("default")).quota == QUOTA
        with pytest.raises(NotFoundError, match="'ghost'"):
            await work.ledger.account("ghost")


async def test_a_charge_is_read_as_written_and_counted_on_both_levels(stores: Stores) -> None:
    charge = Charge(KEY, NOW).ask(ONE, 0, NOW)
    stored = await moved(stores, None, charge)
    assert stored is not None
    assert (stored.asked, stored.asked_at, stored.creates) == (ONE, NOW, 1)
    for namespace in ("", "default"):
        assert await held(stores, namespace) == (NOTHING, ONE)
    assert await held(stores, "shop") == (NOTHING, NOTHING)
    assert await held(stores, tenant="red") == (NOTHING, NOTHING)
    settled = await moved(stores, stored, stored.see(ONE, 7, NOW))
    assert settled is not None
    assert (settled.used, settled.version, settled.asked_at) == (ONE, 7, None)
    assert await held(stores) == await held(stores, "default") == (ONE, NOTHING)
    assert await moved(stores, settled, None) is None
    assert await held(stores) == await held(stores, "default") == (NOTHING, NOTHING)


async def test_no_move_from_what_is_no_longer_so(stores: Stores) -> None:
    charge = Charge(KEY, NOW).ask(ONE, 0, NOW)
    stored = await moved(stores, None, charge)
    assert stored is not None
    for before, after in ((None, charge), (charge, None), (None, None)):
        if before is after:
            continue
        with pytest.raises(ConflictError):
            await moved(stores, before, after)
    assert await held(stores) == (NOTHING, ONE)


async def test_no_move_from_a_charge_made_anew_meanwhile(stores: Stores) -> None:
    """The same key, as often changed, with other amounts: what was read of the first says nothing of the second."""
    first = await moved(stores, None, Charge(KEY, NOW).ask(ONE, 0, NOW))
    assert first is not None
    await moved(stores, first, None)
    second = await moved(stores, None, Charge(KEY, NOW).ask(Amounts(functions=1), 0, NOW))
    assert second is not None
    for after in (None, first.see(ONE, 7, NOW)):
        with pytest.raises(ConflictError):
            await moved(stores, first, after)
    assert await held(stores) == await held(stores, "default") == (NOTHING, Amounts(functions=1))


@pytest.mark.parametrize(
    "name", ["functions", "triggers", "replicas", "cpu_millis", "memory_bytes", "hosts"]
)
@pytest.mark.parametrize("level", ["namespace", "tenant"])
async def test_a_guarded_move_never_grows_above_a_quota(
    stores: Stores, name: str, level: str
) -> None:
    """Of each amount alone: what fits exactly passes, one more does not and leaves both levels as they were."""
    limits = dict.fromkeys(Quota.__slots__, 1000)
    async with stores.begin("blue") as work:
        await work.ledger.set_namespace_quota(
            "default", Quota(**limits | ({name: 5} if level == "namespace" else {}))
        )
        await work.ledger.set_tenant_quota(
            Quota(**limits | ({name: 5} if level == "tenant" else {}))
        )
    fits, over = (Charge(KEY, NOW).ask(Amounts(**{name: count}), 0, NOW) for count in (5, 6))
    with pytest.raises(ConflictError):
        await moved(stores, None, over)
    assert await held(stores) == await held(stores, "default") == (NOTHING, NOTHING)
    stored = await moved(stores, None, fits)
    assert stored is not None
    with pytest.raises(ConflictError):
        await moved(stores, stored, stored.ask(Amounts(**{name: 6}), 1, NOW))
    assert await held(stores) == (NOTHING, fits.asked)


async def test_b45_a_lowered_quota_refuses_growth_and_lets_shrink(stores: Stores) -> None:
    stored = await moved(stores, None, Charge(KEY, NOW, used=ONE, version=1))
    async with stores.begin("blue") as work:
        await work.ledger.set_namespace_quota("default", Quota(*(0 for _ in Quota.__slots__)))
    assert stored is not None
    smaller = stored.see(Amounts(functions=1, replicas=1, cpu_millis=100, memory_bytes=64), 2, NOW)
    stored = await moved(stores, stored, smaller)
    assert stored is not None
    with pytest.raises(ConflictError):
        await moved(stores, stored, stored.ask(ONE, 2, NOW))


async def test_an_override_is_kept_until_somebody_takes_it_away(stores: Stores) -> None:
    override = Override(QUOTA, "a fair", "fh:1", NOW)
    async with stores.begin("blue") as work:
        assert await work.ledger.override() is None
        await work.ledger.set_override(Override(QUOTA, "a mistake", "fh:1", NOW))
        await work.ledger.set_override(override)
    async with stores.begin("blue") as work:
        assert await work.ledger.override() == override
        counted = replace(override, namespaces=0, tokens=7)
        await work.ledger.set_override(counted)
        assert await work.ledger.override() == counted
        await work.ledger.set_override(override)
        assert await work.ledger.override() == override
    async with stores.begin_platform() as platform:
        assert await platform.ledger.expired_overrides(NOW) == ["blue"]
        assert await platform.ledger.expired_overrides(NOW - timedelta(seconds=1)) == []
        assert await platform.ledger.expired_overrides(NOW, after="a") == ["blue"]
        assert await platform.ledger.expired_overrides(NOW, after="blue") == []
    async with stores.begin("blue") as work:
        await work.ledger.set_override(None)
        assert await work.ledger.override() is None


async def test_what_is_due_and_who_holds_most(stores: Stores) -> None:
    def key(name: str) -> Key:
        return Key("Function", "default", name)

    late, soon = NOW - timedelta(seconds=100), NOW - timedelta(seconds=10)
    await moved(stores, None, Charge(key("fresh"), late).ask(ONE, 0, soon))
    await moved(stores, None, Charge(key("lost"), soon).ask(ONE, 0, late))
    big = Amounts(functions=1, cpu_millis=300)
    await moved(stores, None, Charge(key("unseen"), late, used=big, version=1))
    await moved(stores, None, Charge(key("seen"), soon, used=ONE, version=1))
    async with stores.begin_platform() as platform:
        asked, checked = NOW - timedelta(seconds=90), NOW - timedelta(seconds=60)
        due = await platform.ledger.due(asked, checked)
        assert [(tenant, item.key.name) for tenant, item in due] == [
            ("blue", "unseen"),
            ("blue", "lost"),
        ]
        assert len(await platform.ledger.due(asked, checked, limit=1)) == 1
    async with stores.begin("blue") as work:
        names = [item.key.name for item in await work.ledger.largest(limit=3)]
        assert names == ["unseen", "fresh", "lost"]
        assert await work.ledger.largest(namespace="shop") == []
        assert await work.ledger.balance() == 0


# ── the use cases on both ──


async def test_what_is_done_along_with_it_stands_or_falls_with_it(
    stores: Stores, ledger: LedgerService
) -> None:
    async def works(work: TenantWork) -> None:
        await work.ledger.set_override(Override(QUOTA, "with it", "fh:1", NOW))

    async def fails(work: TenantWork) -> None:
        await work.ledger.set_override(Override(QUOTA, "without", "fh:1", NOW))
        raise PolicyError("no")

    with pytest.raises(PolicyError):
        await ledger.reserve("blue", KEY, ONE, 0, also=fails)
    async with stores.begin("blue") as work:
        assert await work.ledger.charge(KEY) is None
        assert await work.ledger.override() is None
    none = Amounts(functions=999)
    assert await ledger.reserve("blue", KEY, none, 0, also=works)
    assert await ledger.reserve("blue", KEY, ONE, 0, also=works, dry_run=True) == ()
    async with stores.begin("blue") as work:
        assert await work.ledger.override() is None
    assert await ledger.reserve("blue", KEY, ONE, 0, also=works) == ()
    async with stores.begin("blue") as work:
        assert (await work.ledger.charge(KEY)) is not None
        assert await work.ledger.override() is not None


async def test_b44_many_at_once_fill_a_quota_to_the_brim_and_no_further(
    stores: Stores, ledger: LedgerService
) -> None:
    answers = await asyncio.gather(
        *(
            ledger.reserve("blue", Key("Function", where, f"f{count}"), ONE, 0)
            for count in range(10)
            for where in ("default", "shop")
        )
    )
    assert sum(not found for found in answers) == 8  # four functions in each
    assert (await held(stores, "default"))[1].functions == 4
    refused = next(found for found in answers if found)
    assert {finding.code for finding in refused} == {"quota-namespace-functions"}
    (finding,) = refused
    assert (finding.limit, finding.value, finding.passes) == (4, 5, 4)


async def test_b46_a_retry_is_the_same_reservation(stores: Stores, ledger: LedgerService) -> None:
    for amounts in (ONE, ONE, Amounts(1, 0, 1, 100, 64)):
        assert await ledger.reserve("blue", KEY, amounts, 0) == ()
    assert await held(stores) == (NOTHING, ONE)
    await asyncio.gather(*(ledger.reserve("blue", KEY, ONE, 0) for _ in range(4)))
    assert await held(stores) == (NOTHING, ONE)


async def test_what_is_held_is_on_record_and_what_is_not_is_not(
    stores: Stores, ledger: LedgerService
) -> None:
    def row(number: int) -> AuditRow:
        return AuditRow(
            "blue", "fh:ada", "", "function:create", "t", "allowed", f"r-{number}", {"n": number}
        )

    large = Amounts(functions=5)
    assert await ledger.reserve("blue", KEY, ONE, 0, row=row(1)) == ()
    assert await ledger.reserve("blue", Key("Function", "default", "big"), large, 0, row=row(2))
    assert (
        await ledger.reserve(
            "blue", Key("Function", "default", "dry"), ONE, 0, row=row(3), dry_run=True
        )
        == ()
    )
    with pytest.raises(ValueError, match="tenant 'red'"):
        await ledger.reserve(
            "blue", Key("Function", "default", "odd"), ONE, 0, row=replace(row(4), tenant="red")
        )
    async with stores.begin("blue") as work:
        found, _ = await work.audit_trail.page(AuditFilter())
    assert [(item.entry.request_id, item.entry.detail) for item in found] == [("r-1", {"n": 1})]
    assert await held(stores) == (NOTHING, ONE)


async def test_a_dry_run_says_the_same_and_writes_nothing(
    stores: Stores, ledger: LedgerService
) -> None:
    assert await ledger.reserve("blue", KEY, ONE, 0, dry_run=True) == ()
    large = Amounts(functions=1, replicas=3, cpu_millis=1200, memory_bytes=64)
    dry = await ledger.reserve("blue", KEY, large, 0, dry_run=True)
    assert dry == await ledger.reserve("blue", KEY, large, 0)
    (finding,) = dry
    assert (finding.code, finding.path) == ("quota-namespace-cpu", "spec.resources.cpu")
    assert (finding.limit, finding.value, finding.passes) == ("1", "1200m", "333m")
    assert await held(stores) == (NOTHING, NOTHING)


async def test_b50_a_namespace_that_is_gone_takes_nothing(ledger: LedgerService) -> None:
    with pytest.raises(NotFoundError):
        await ledger.reserve("blue", Key("Function", "ghost", "x"), ONE, 0)


async def test_a_standing_is_the_charge_and_both_accounts(
    stores: Stores, ledger: LedgerService
) -> None:
    async with stores.begin("blue") as work:
        assert await work.ledger.standing(KEY) == (
            *(None, await work.ledger.account("default"), await work.ledger.account()),
        )
    assert await ledger.reserve("blue", KEY, ONE, 0) == ()
    assert await ledger.reserve("blue", Key("Function", "shop", "other"), ONE, 0) == ()
    async with stores.begin("blue") as work:
        charge, part, whole = await work.ledger.standing(KEY)
        assert charge == await work.ledger.charge(KEY)
        assert (part.reserved, whole.reserved) == (ONE, ONE + ONE)
        assert part == await work.ledger.account("default")
        assert whole == await work.ledger.account()
        await work.remove_namespace("shop")
        for gone in ("ghost", "shop"):
            with pytest.raises(NotFoundError, match=f"'{gone}'"):
                await work.ledger.standing(Key("Function", gone, "hello"))


def stored(version: int, cpu: str = "100m", replicas: int = 2) -> dict[str, object]:
    """A Function as kube-apiserver gives it."""
    return {
        "metadata": {
            "namespace": "blue--default",
            "name": "hello",
            "resourceVersion": str(version),
        },
        "spec": {
            "runtime": "r",
            "handler": "h.h",
            "source": {"inline": {"files": {"h.py": ""}}},
            "resources": {"cpu": cpu, "memory": "64"},
            "scaling": {"min": 1, "max": replicas},
        },
    }


async def test_what_runs_of_a_larger_revision_is_used_until_it_is_gone(
    stores: Stores, ledger: LedgerService
) -> None:
    large = Amounts(functions=1, replicas=2, cpu_millis=800, memory_bytes=128)
    small = Amounts(functions=1, replicas=4, cpu_millis=400, memory_bytes=256)
    assert await ledger.reserve("blue", KEY, large, 0) == ()
    assert await ledger.seen(FUNCTION, stored(1, "400m"), large) == ()
    assert await ledger.reserve("blue", KEY, small, 1) == ()
    assert await held(stores) == (large, small.most(large) - large)
    for version in (2, 2, 3):
        assert await ledger.seen(FUNCTION, stored(version, replicas=4), large) == ()
        assert await held(stores) == await held(stores, "default") == (large.most(small), NOTHING)
    other = Key("Function", "default", "other")
    assert await ledger.reserve("blue", other, Amounts(1, cpu_millis=300), 0)
    assert await ledger.seen(FUNCTION, stored(3, replicas=4), small) == ()
    assert await held(stores) == await held(stores, "default") == (small, NOTHING)
    assert await ledger.reserve("blue", other, Amounts(1, cpu_millis=300), 0) == ()


async def test_what_runs_is_counted_also_above_a_quota_and_a_spec_is_not(
    stores: Stores, ledger: LedgerService
) -> None:
    huge = Amounts(functions=1, replicas=9, cpu_millis=9000, memory_bytes=64)
    assert await ledger.seen(FUNCTION, stored(1), huge.most(ONE)) == ()
    assert (await held(stores, "default"))[0].cpu_millis == 9000
    found = await ledger.seen(FUNCTION, stored(2, "5", replicas=2), huge)
    assert {item.code for item in found} == {"quota-namespace-cpu"}
    assert (await held(stores, "default"))[0].cpu_millis == 9000
    assert await ledger.seen(FUNCTION, stored(3), ONE) == ()
    assert await held(stores) == (ONE, NOTHING)
