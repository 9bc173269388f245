"""A trigger that shares its calls out: what it names runs first, is charged, and goes on until nothing leads there."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.kinds import (
    AUTOSCALER,
    DEPLOYMENT,
    FUNCTION_REVISION,
    HTTP_ROUTE,
    HTTP_TRIGGER,
    INGRESS,
    SERVICE,
)
from funkhaus.domain.quota import NO_QUOTA
from funkhaus.domain.split import LINGER, SETTLE
from funkhaus.domain.tenant import NamespaceQuota, Suspension
from funkhaus.domain.verdict import Finding
from funkhaus.services.sweep import Sweep
from tests.support.materials import NS, House

from .test_sleeping import SCALING, deployed, waker
from .test_ways import ready, said

if TYPE_CHECKING:
    from funkhaus.domain.quota import Amounts
    from tests.support.materials import Manifest

WIDE = {"min": 1, "max": 3, "cpuPercent": 80}


def shares(*backends: tuple[str, int]) -> list[Manifest]:
    return [{"revision": revision, "weight": weight} for revision, weight in backends]


def route(house: House) -> list[tuple[str, int]]:
    """The Services the trigger's route leads to, and their weights."""
    (rule,) = house.cluster.find(HTTP_ROUTE, NS, "web")["spec"]["rules"]
    return [(item["name"], item["weight"]) for item in rule["backendRefs"]]


def replicas(house: House, revision: str) -> int:
    """As many as are wanted of a revision: one, where nobody said."""
    return int(house.cluster.find(DEPLOYMENT, NS, revision)["spec"].get("replicas", 1))


def trigger_status(house: House) -> Manifest:
    status: Manifest = house.cluster.find(HTTP_TRIGGER, NS, "web")["status"]
    return status


def pins(house: House) -> list[tuple[str, int]]:
    found = trigger_status(house).get("pins") or []
    return [(item["revision"], item["replicas"]) for item in found]


def degraded(house: House) -> tuple[str, str, str]:
    (found,) = [item for item in trigger_status(house)["conditions"] if item["type"] == "Degraded"]
    return found["status"], found["reason"], found["message"]


async def used(house: House) -> Amounts:
    async with house.stores.begin("demo") as work:
        return (await work.ledger.account("main")).used


async def serves(house: House, text: str, **spec: Any) -> str:
    """Have a function whose code is `text` serve; its revision."""
    source = {"inline": {"files": {"hello.py": text}}}
    house.function(source=source, **({"scaling": WIDE} | spec))
    await house.reconcile()
    revision: str = house.status()["latestRevision"]
    house.ready(revision)
    await house.reconcile()
    assert house.serving() == revision
    return revision


async def turn(house: House) -> None:
    """The trigger, its Gateway and the function, until everybody has seen what the others did."""
    for _ in range(4):
        await house.triggers.reconcile(NS, "web")
        if "web" in house.cluster.named(HTTP_ROUTE, NS):
            said(house)
        await house.reconcile()
        house.clock.pass_seconds(SETTLE.total_seconds())


async def settle(house: House) -> None:
    """Until LINGER is over for whatever was let go of."""
    for _ in range(4):
        await turn(house)
        house.clock.pass_seconds(LINGER.total_seconds() + 1)
    await turn(house)


async def canary(house: House) -> tuple[str, str]:
    """The old revision takes 90 of 100 by name, and whatever serves the rest; then a new one serves."""
    old = await serves(house, "old")
    house.trigger(backends=shares((old, 90), ("current", 10)))
    await turn(house)
    said(house)
    await turn(house)
    new = await serves(house, "new")
    await turn(house)
    return old, new


async def test_a_canary_is_a_share_for_what_serves_and_the_rest_for_what_did(house: House) -> None:
    old, new = await canary(house)
    assert route(house) == [(old, 90), ("hello", 10)]
    assert ready(house)[0] == "True"
    assert f"hello: {old} (90 of 100), current (10 of 100)" in ready(house)[2]
    await settle(house)
    assert house.serving() == new
    assert house.cluster.named(DEPLOYMENT, NS) == tuple(sorted([old, new]))
    assert {old, new, "hello"} <= set(house.cluster.named(SERVICE, NS))
    assert house.status()["pinnedRevisions"] == [old]
    assert degraded(house)[:2] == ("False", "AsExpected")
    house.cluster.writes.clear()
    await turn(house)
    assert house.cluster.writes == []


async def test_each_revision_scales_by_itself(house: House) -> None:
    old, new = await canary(house)
    await settle(house)
    targets = {
        name: house.cluster.find(AUTOSCALER, NS, name)["spec"]["scaleTargetRef"]["name"]
        for name in house.cluster.named(AUTOSCALER, NS)
    }
    assert targets == {"hello": new, old: old}
    assert house.cluster.find(AUTOSCALER, NS, old)["spec"]["maxReplicas"] == 3


async def test_the_sum_is_charged_and_given_back(house: House) -> None:
    await canary(house)
    await settle(house)
    sums = await used(house)
    assert (sums.functions, sums.replicas, sums.cpu_millis, sums.triggers) == (1, 6, 1500, 1)
    sweep = Sweep(house.stores, house.cluster, house.clock)
    house.clock.pass_seconds(3600)
    await sweep.round()
    assert await used(house) == sums
    assert (await sweep.recount()).corrected == 0
    house.trigger()
    await settle(house)
    sums = await used(house)
    assert (sums.replicas, sums.cpu_millis) == (3, 750)


async def test_a_larger_revision_that_is_pinned_is_charged_once(house: House) -> None:
    old = await serves(house, "old", resources={"cpu": "500m", "memory": "128Mi"})
    house.trigger(backends=shares((old, 90), ("current", 10)))
    await turn(house)
    await serves(house, "new")
    await settle(house)
    assert (await used(house)).cpu_millis == 3 * 500 + 3 * 250


async def test_without_room_for_the_sum_nothing_runs_for_it(house: House) -> None:
    old = await serves(house, "old")
    new = await serves(house, "new")
    async with house.stores.begin("demo") as work:
        await work.ledger.set_namespace_quota("main", NamespaceQuota(10, 10, 5, 4000, 8 * 1024**3))
    house.clock.pass_seconds(LINGER.total_seconds() + 1)
    await house.reconcile()
    house.trigger(backends=shares((old, 90), ("current", 10)))
    await turn(house)
    status = trigger_status(house)
    (admitted,) = [item for item in status["conditions"] if item["type"] == "Admitted"]
    assert admitted["reason"] == "QuotaExceeded"
    assert "spec.backends: " in admitted["message"]
    assert "name fewer revisions" in admitted["message"]
    assert house.cluster.named(DEPLOYMENT, NS) == (new,)
    assert house.cluster.named(HTTP_ROUTE, NS) == ()


async def test_no_call_is_led_to_a_revision_that_does_not_run_yet(house: House) -> None:
    old = await serves(house, "old")
    await serves(house, "new")
    house.clock.pass_seconds(LINGER.total_seconds() + 1)
    await house.reconcile()
    assert old not in house.cluster.named(DEPLOYMENT, NS)
    house.trigger(methods=["GET"])
    await turn(house)
    said(house)
    await turn(house)
    house.trigger(methods=["GET"], backends=shares((old, 1), ("current", 1)))
    await turn(house)
    assert ready(house)[:2] == ("Unknown", "RevisionStarting")
    assert f"{old} (0/1)" in ready(house)[2]
    assert route(house) == [("hello", 1)]
    house.ready(old)
    await turn(house)
    assert route(house) == [(old, 1), ("hello", 1)]


async def test_what_is_let_go_of_goes_on_while_calls_may_still_come(house: House) -> None:
    old, new = await canary(house)
    await settle(house)
    house.trigger(methods=["GET"])
    await turn(house)
    assert route(house) == [("hello", 1)]
    assert pins(house) == [(old, 3)]
    assert old in house.cluster.named(DEPLOYMENT, NS)
    found = await house.triggers.reconcile(NS, "web")
    assert found.after is not None
    assert found.after <= LINGER.total_seconds()
    house.clock.pass_seconds(LINGER.total_seconds() + 1)
    await turn(house)
    assert pins(house) == []
    assert house.cluster.named(DEPLOYMENT, NS) == (new,)
    assert house.cluster.named(AUTOSCALER, NS) == ("hello",)
    assert old not in house.cluster.named(SERVICE, NS)


async def test_while_the_route_still_leads_there_it_runs(house: House) -> None:
    """Back to an Ingress: the route leads where that will before it comes, and the revision outlives its share."""
    old, _ = await canary(house)
    await settle(house)
    house.trigger()
    found = await house.triggers.reconcile(NS, "web")
    assert route(house) == [("hello", 1), (old, 0)]
    assert ready(house)[1] == "SharesMoving"
    assert found.after is not None
    assert house.cluster.named(INGRESS, NS) == ()
    await house.triggers.reconcile(NS, "web")
    assert route(house) == [("hello", 1), (old, 0)], "not before proxies know"
    await turn(house)
    assert house.cluster.named(INGRESS, NS) == ("web",)
    assert old in house.cluster.named(DEPLOYMENT, NS)
    await settle(house)
    assert house.cluster.named(HTTP_ROUTE, NS) == ()
    assert old not in house.cluster.named(DEPLOYMENT, NS)


async def test_what_is_new_has_a_share_of_nothing_first(house: House) -> None:
    """From an Ingress too: the route begins by leading where that did."""
    old = await serves(house, "old")
    house.trigger()
    await turn(house)
    house.trigger(backends=shares((old, 9), ("current", 1)))
    for _ in range(2):
        await house.triggers.reconcile(NS, "web")
        await house.reconcile()
    assert route(house) == [("hello", 1), (old, 0)]
    assert ready(house)[1] == "SharesMoving"
    assert house.cluster.named(INGRESS, NS) == ("web",)
    await turn(house)
    assert route(house) == [(old, 9), ("hello", 1)]
    assert house.cluster.named(INGRESS, NS) == ()


async def test_a_change_that_is_refused_leaves_the_split_before_it(house: House) -> None:
    old, _ = await canary(house)
    await settle(house)
    house.decider.findings = (Finding("split-weightless", "no", "spec.backends"),)
    house.trigger(backends=shares(("current", 0)))
    await settle(house)
    assert route(house) == [(old, 90), ("hello", 10)]
    assert old in house.cluster.named(DEPLOYMENT, NS)
    assert pins(house) == [(old, 3)]


async def test_what_is_named_is_never_pruned(house: House) -> None:
    old, _ = await canary(house)
    for number in range(12):
        await serves(house, f"later {number}")
        house.clock.pass_seconds(60)
    await settle(house)
    kept = house.cluster.named(FUNCTION_REVISION, NS)
    assert old in kept
    assert len(kept) == 12


async def test_a_revision_that_is_gone_is_said_and_the_way_in_stays(house: House) -> None:
    house.function()
    house.trigger()
    await house.triggers.reconcile(NS, "web")
    house.trigger(backends=shares(("hello-0123456789", 1)))
    assert (await house.triggers.reconcile(NS, "web")).outcome == "held"
    assert ready(house)[:2] == ("False", "RevisionMissing")
    assert "hello-0123456789" in ready(house)[2]
    assert house.cluster.named(HTTP_ROUTE, NS) == ()
    assert pins(house) == []


@pytest.mark.parametrize("name", ["a/b", "../../pods/x", "other-0123456789", "HELLO-0123456789"])
async def test_a_name_that_is_no_revisions_is_never_looked_up(house: House, name: str) -> None:
    house.function()
    house.trigger(backends=shares((name, 1)))
    asked: list[str] = []
    house.cluster.failure = lambda verb, kind, _, what: (
        asked.append(what) if (verb, kind) == ("get", FUNCTION_REVISION) else None
    )
    await house.triggers.reconcile(NS, "web")
    assert asked == []
    assert ready(house)[1] == "RevisionMissing"


async def test_a_share_nobody_answers_is_degraded_with_the_way_out(house: House) -> None:
    old, _ = await canary(house)
    await settle(house)
    house.ready(old, 0)
    await turn(house)
    status, reason, message = degraded(house)
    assert (status, reason) == ("True", "RevisionDown")
    assert "90 of 100 are answered with 503" in message
    assert "--no-split" in message
    assert route(house) == [(old, 90), ("hello", 10)]


async def test_it_grows_with_its_function_where_quota_lets_it(house: House) -> None:
    old, _ = await canary(house)
    await settle(house)
    await serves(house, "new", scaling={"min": 1, "max": 5, "cpuPercent": 80})
    await settle(house)
    assert pins(house) == [(old, 5)]
    assert house.cluster.find(AUTOSCALER, NS, old)["spec"]["maxReplicas"] == 5
    assert (await used(house)).replicas == 10
    async with house.stores.begin("demo") as work:
        await work.ledger.set_namespace_quota("main", NamespaceQuota(10, 10, 12, 9000, 8 * 1024**3))
    await serves(house, "new", scaling={"min": 1, "max": 7, "cpuPercent": 80})
    await settle(house)
    assert pins(house) == [(old, 5)]
    assert house.cluster.find(AUTOSCALER, NS, old)["spec"]["maxReplicas"] == 5
    assert degraded(house)[1] == "QuotaExceeded"
    assert "5 replicas at most" in degraded(house)[2]
    assert ready(house)[0] == "True"
    assert (await used(house)).replicas == 12


async def test_it_shrinks_with_its_function(house: House) -> None:
    old, _ = await canary(house)
    await settle(house)
    await serves(house, "new", scaling={"min": 1, "max": 1, "cpuPercent": 80})
    await settle(house)
    await settle(house)
    assert pins(house) == [(old, 1)]
    assert house.cluster.named(AUTOSCALER, NS) == ()
    assert replicas(house, old) == 1
    assert (await used(house)).replicas == 2


async def test_a_lowered_quota_takes_nothing_away(house: House) -> None:
    old, _ = await canary(house)
    await settle(house)
    async with house.stores.begin("demo") as work:
        await work.ledger.set_namespace_quota("main", NO_QUOTA)
    await settle(house)
    assert route(house) == [(old, 90), ("hello", 10)]
    assert old in house.cluster.named(DEPLOYMENT, NS)


async def test_a_revision_that_is_named_does_not_sleep(house: House) -> None:
    waker(house)
    revision = await deployed(house)
    house.trigger(backends=shares((revision, 1)))
    await turn(house)
    house.clock.pass_seconds(600)
    await house.reconcile()
    house.clock.pass_seconds(600)
    await house.reconcile()
    assert replicas(house, revision) == 1


async def test_one_that_sleeps_wakes_before_a_call_is_led_to_it(house: House) -> None:
    waker(house)
    revision = await deployed(house)
    for _ in range(3):
        house.clock.pass_seconds(100)
        await house.reconcile()
    assert replicas(house, revision) == 0
    house.trigger(backends=shares((revision, 1)))
    await turn(house)
    assert ready(house)[1] == "RevisionStarting"
    assert house.cluster.named(HTTP_ROUTE, NS) == ()
    assert replicas(house, revision) == 1
    house.ready(revision)
    await turn(house)
    assert route(house) == [(revision, 1)]


async def test_only_what_serves_sleeps_beside_a_named_one(house: House) -> None:
    waker(house)
    old = await deployed(house)
    house.trigger(backends=shares((old, 9), ("current", 1)))
    await turn(house)
    new = await serves(house, "new", scaling=SCALING)
    house.pod(
        new, {"podIP": "10.244.0.7", "conditions": [{"type": "Ready", "status": "True"}]}, "n"
    )
    await settle(house)
    for _ in range(3):
        house.clock.pass_seconds(100)
        await house.reconcile()
    assert replicas(house, new) == 0
    assert replicas(house, old) == 1


async def test_going_back_to_what_is_pinned_is_at_once(house: House) -> None:
    old, new = await canary(house)
    await settle(house)
    house.function(source={"inline": {"files": {"hello.py": "old"}}}, scaling=WIDE)
    await house.reconcile()
    assert house.serving() == old
    await settle(house)
    assert house.cluster.named(DEPLOYMENT, NS) == (old,)
    assert house.cluster.named(AUTOSCALER, NS) == ("hello",)
    assert new in house.cluster.named(FUNCTION_REVISION, NS)


async def test_a_tenant_that_rests_has_none_of_it_run_and_all_of_it_back(house: House) -> None:
    old, new = await canary(house)
    await settle(house)
    async with house.stores.begin("demo") as work:
        await work.lifecycle.suspend(Suspension(house.clock.now(), "unpaid", "Ada"))
    await turn(house)
    for name in (old, new):
        assert replicas(house, name) == 0
    assert house.cluster.named(AUTOSCALER, NS) == ()
    async with house.stores.begin("demo") as work:
        await work.lifecycle.suspend(None)
    await turn(house)
    for name in (old, new):
        assert replicas(house, name) == 1
    assert house.cluster.named(AUTOSCALER, NS) == tuple(sorted(["hello", old]))


async def test_a_trigger_that_goes_lets_go(house: House) -> None:
    old, new = await canary(house)
    await settle(house)
    await house.cluster.delete(HTTP_TRIGGER, NS, "web")
    await house.triggers.reconcile(NS, "web")
    await house.reconcile()
    assert house.cluster.named(DEPLOYMENT, NS) == (new,)
    assert old in house.cluster.named(FUNCTION_REVISION, NS)
    assert (await used(house)).replicas == 3


async def test_two_triggers_hold_one_revision_until_both_let_go(house: House) -> None:
    old, new = await canary(house)
    house.trigger("also", host="also.demo.example.com", backends=shares((old, 1)))
    await house.triggers.reconcile(NS, "also")
    await settle(house)
    await house.cluster.delete(HTTP_TRIGGER, NS, "web")
    await house.triggers.reconcile(NS, "web")
    await settle(house)
    assert house.cluster.named(DEPLOYMENT, NS) == tuple(sorted([old, new]))


async def test_what_ails_a_named_revision_is_on_the_function(house: House) -> None:
    old, _ = await canary(house)
    await settle(house)
    crash = {"waiting": {"reason": "ImagePullBackOff", "message": "gone"}}
    state = {"containerStatuses": [{"name": "function", "restartCount": 0, "state": crash}]}
    house.pod(old, state)
    await house.reconcile()
    status, reason, message = house.condition("Degraded")
    assert (status, reason) == ("True", "ImagePull")
    assert message.startswith(f"revision {old}, which a trigger's split names: ")
    assert house.condition("Ready")[0] == "True"


async def test_without_a_gateway_nothing_runs_for_it() -> None:
    house = House(gateway=None)
    await house.settle_in()
    old = await serves(house, "old")
    await serves(house, "new")
    house.trigger(backends=shares((old, 1)))
    await house.triggers.reconcile(NS, "web")
    assert ready(house)[:2] == ("False", "GatewayMissing")
    assert pins(house) == []


def test_times_are_what_the_page_says() -> None:
    assert timedelta(seconds=15) == LINGER
