"""From admission to the last trace: what the books hold while an object comes, changes and goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.errors import UnavailableError
from funkhaus.domain.kinds import FUNCTION, HTTP_TRIGGER
from funkhaus.domain.quota import NOTHING, Account, Amounts, Quota
from funkhaus.domain.tenant import Namespace, Tenant
from funkhaus.domain.verdict import Finding
from funkhaus.services.ledger import LedgerService, amounts_of, version_of, whose
from funkhaus.services.reviews import Judgement, Operation, Review, ReviewService
from funkhaus.services.sweep import ARRIVAL, LOOK_AGAIN, Sweep
from tests.support.clock import FakeClock
from tests.support.cluster import MemoryCluster
from tests.support.decider import FakeDecider
from tests.support.questions import DOMAIN, function, http_trigger
from tests.support.stores import MemoryStores

if TYPE_CHECKING:
    from collections.abc import Callable

    from funkhaus.domain.question import Question
    from funkhaus.domain.verdict import Verdict

QUOTA = Quota(2, 1, 4, 1000, 1024**3, 1)


class LastWord(FakeDecider):
    """Does something after it has decided."""

    then: Callable[[], None] = staticmethod(lambda: None)

    async def decide(self, question: Question) -> Verdict:
        verdict = await super().decide(question)
        self.then()
        return verdict


class House:
    """Admission, the sweeper and a cluster, on tenant demo with a small namespace."""

    def __init__(self) -> None:
        self.stores, self.clock, self.cluster = MemoryStores(), FakeClock(), MemoryCluster()
        self.stores.state.tenants["demo"] = Tenant("demo", "small")
        namespace = Namespace("demo", "default", QUOTA)
        self.stores.state.namespaces["demo", "default"] = (namespace, True)
        meta = {"name": "demo--default"}
        self.cluster.put({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
        self.decider = LastWord()
        self.ledger = LedgerService(self.stores, self.clock)
        self.sweep = Sweep(self.stores, self.cluster, self.clock)
        self.service = ReviewService(
            self.stores,
            self.decider,
            self.ledger,
            self.cluster,
            self.clock,
            domain=DOMAIN,
            system_namespace="funkhaus-system",
        )

    async def admit(self, manifest: dict[str, Any], **facts: Any) -> Judgement:
        """What the webhook says; `old` makes it an update."""
        old = facts.pop("old", None)
        kind = FUNCTION if manifest["kind"] == "Function" else HTTP_TRIGGER
        operation = Operation.UPDATE if old else Operation.CREATE
        name = manifest["metadata"]["name"]
        review = Review(
            "r", operation, kind, "demo--default", name, manifest, old or {}, "fh:1", **facts
        )
        return await self.service.validate(review, 2.0)

    async def account(self, namespace: str = "default") -> Account:
        async with self.stores.begin("demo") as work:
            return await work.ledger.account(namespace)

    async def held(self) -> tuple[Amounts, Amounts]:
        account = await self.account()
        whole = await self.account("")
        assert (account.used, account.reserved) == (whole.used, whole.reserved)
        return account.used, account.reserved


@pytest.fixture
def house() -> House:
    return House()


def sized(name: str = "hello", replicas: int = 2, cpu: str = "100m") -> dict[str, Any]:
    return function(
        name,
        resources={"cpu": cpu, "memory": "64Mi"},
        scaling={"min": 1, "max": replicas, "cpuPercent": 80},
    )


TWO = Amounts(functions=1, replicas=2, cpu_millis=200, memory_bytes=128 * 1024**2)


async def test_what_is_let_in_is_reserved_then_used_then_gone(house: House) -> None:
    assert not (await house.admit(sized())).refused
    assert await house.held() == (NOTHING, TWO)
    stored = house.cluster.put(sized())
    assert await house.ledger.seen(FUNCTION, stored) == ()
    assert await house.held() == (TWO, NOTHING)
    await house.ledger.missing(FUNCTION, "demo--default", "hello")
    assert await house.held() == (NOTHING, NOTHING)


async def test_above_a_quota_nothing_gets_in_and_the_words_say_what_would(house: House) -> None:
    judgement = await house.admit(sized(replicas=5, cpu="300m"))
    found = {finding.code: finding for finding in judgement.verdict.findings}
    assert set(found) == {"quota-namespace-replicas", "quota-namespace-cpu"}
    cpu = found["quota-namespace-cpu"]
    assert (cpu.limit, cpu.value, cpu.passes) == ("1", "1500m", "200m")
    assert 'namespace "default" would hold CPU 1500m, its quota is 1' in cpu.message
    assert not (await house.admit(sized(replicas=4, cpu="200m"))).refused  # what it said
    assert judgement.audited
    assert await house.held() == (NOTHING, Amounts(1, 0, 4, 800, 256 * 1024**2))


async def test_the_tenant_s_quota_is_named_where_it_is_in_the_way(house: House) -> None:
    house.stores.state.books.quotas["demo"] = Quota(1, 1, 9, 9000, 1024**3, 1)
    assert not (await house.admit(sized())).refused
    (finding,) = (await house.admit(sized("other"))).verdict.findings
    assert (finding.code, finding.limit, finding.value) == ("quota-tenant-functions", 1, 2)
    assert finding.message.startswith('tenant "demo" would hold functions 2')


async def test_a_trigger_is_a_trigger_and_a_host(house: House) -> None:
    assert not (await house.admit(http_trigger())).refused
    assert await house.held() == (NOTHING, Amounts(triggers=1, hosts=1))
    codes = {item.code for item in (await house.admit(http_trigger("b"))).verdict.findings}
    assert codes == {"quota-namespace-triggers", "quota-namespace-hosts"}


async def test_what_policy_refuses_holds_nothing(house: House) -> None:
    house.decider.findings = (Finding("no", "no"),)
    assert (await house.admit(sized())).refused
    assert await house.held() == (NOTHING, NOTHING)


async def test_a_dry_run_holds_nothing_and_says_the_same(house: House) -> None:
    assert not (await house.admit(sized(), dry_run=True)).refused
    dry = await house.admit(sized(replicas=9), dry_run=True)
    assert dry.verdict.findings == (await house.admit(sized(replicas=9))).verdict.findings
    assert await house.held() == (NOTHING, NOTHING)


async def test_without_the_books_nothing_gets_in(house: House) -> None:
    house.decider.then = lambda: setattr(house.stores, "broken", UnavailableError("no database"))
    judgement = await house.admit(sized())
    assert judgement.refused
    assert isinstance(judgement.error, UnavailableError)


async def test_growth_is_charged_the_larger_until_it_is_seen(house: House) -> None:
    await house.admit(sized(replicas=4))
    old = house.cluster.put(sized(replicas=4))
    await house.ledger.seen(FUNCTION, old)
    await house.admit(sized(replicas=1), old=old)
    assert (await house.account()).held.replicas == 4
    assert (await house.admit(sized("other", replicas=1))).refused
    new = house.cluster.put(sized(replicas=1))
    await house.ledger.seen(FUNCTION, new)
    assert not (await house.admit(sized("other", replicas=3))).refused


async def test_a_lowered_quota_lets_shrink_and_refuses_growth(house: House) -> None:
    await house.admit(sized(replicas=4))
    old = house.cluster.put(sized(replicas=4))
    await house.ledger.seen(FUNCTION, old)
    async with house.stores.begin("demo") as work:
        await work.ledger.set_namespace_quota("default", Quota(1, 0, 1, 1, 1, 0))
    assert not (await house.admit(sized(replicas=3), old=old)).refused
    assert (await house.admit(sized(replicas=5), old=old)).refused
    assert await house.ledger.seen(FUNCTION, old) == ()  # it goes on


async def test_what_got_past_admission_takes_room_or_is_told(house: House) -> None:
    assert await house.ledger.seen(FUNCTION, house.cluster.put(sized())) == ()
    assert await house.held() == (TWO, NOTHING)
    found = await house.ledger.seen(FUNCTION, house.cluster.put(sized("big", replicas=9)))
    assert {item.code for item in found} == {"quota-namespace-replicas", "quota-namespace-cpu"}
    assert await house.held() == (TWO, NOTHING)


# ── the sweeper ──


async def test_what_never_arrived_goes_back_after_the_time_out_and_not_before(house: House) -> None:
    await house.admit(sized())
    house.clock.pass_seconds(ARRIVAL.total_seconds())
    assert (await house.sweep.round()).looked == 0
    house.clock.pass_seconds(1)
    assert (await house.sweep.round()).corrected == 1
    assert await house.held() == (NOTHING, NOTHING)


async def test_what_arrived_unseen_is_settled_by_the_sweeper(house: House) -> None:
    await house.admit(sized())
    house.cluster.put(sized())
    house.clock.pass_seconds(ARRIVAL.total_seconds() + 1)
    await house.sweep.round()
    assert await house.held() == (TWO, NOTHING)


async def test_a_delete_nobody_saw_is_noticed(house: House) -> None:
    await house.admit(sized())
    await house.ledger.seen(FUNCTION, house.cluster.put(sized()))
    await house.cluster.delete(FUNCTION, "demo--default", "hello")
    assert (await house.sweep.round()).looked == 0
    house.clock.pass_seconds(LOOK_AGAIN.total_seconds() + 1)
    assert (await house.sweep.round()).corrected == 1
    assert await house.held() == (NOTHING, NOTHING)


async def test_an_ask_that_comes_while_the_sweeper_looks_is_kept(house: House) -> None:
    await house.admit(sized())
    house.clock.pass_seconds(ARRIVAL.total_seconds() + 1)
    real = house.cluster.get

    async def slow(*where: Any, **facts: Any) -> Any:
        found = await real(*where, **facts)
        await house.admit(sized())
        return found

    house.cluster.get = slow  # type: ignore[method-assign]  # the cluster answers, and then somebody asks
    await house.sweep.round()
    assert await house.held() == (NOTHING, TWO)


async def test_a_recount_makes_the_books_of_what_lives(house: House) -> None:
    house.cluster.put(sized("lives", replicas=9))  # above the quota, and counted all the same
    await house.admit(sized("fresh", replicas=1, cpu="10m"))
    house.stores.state.books.charges.clear()
    await house.ledger.seen(FUNCTION, house.cluster.put(sized("dead")))
    await house.cluster.delete(FUNCTION, "demo--default", "dead")
    house.clock.pass_seconds(1)
    await house.sweep.recount()
    used, reserved = await house.held()
    assert (used.functions, used.replicas, reserved) == (1, 9, NOTHING)
    again = await house.sweep.recount()
    assert (again.corrected, again.failed) == (0, 0)
    assert await house.held() == (used, reserved)


def test_whose_an_object_is() -> None:
    stored = function() | {"metadata": {"resourceVersion": "12"}}
    assert (version_of(stored), version_of({})) == (12, 0)
    tenant, key = whose(FUNCTION, "demo--default", "hello")
    assert (tenant, key.kind, key.namespace, key.name) == ("demo", "Function", "default", "hello")
    assert amounts_of(FUNCTION, function(resources={"cpu": "x", "memory": ""})).cpu_millis == 0
