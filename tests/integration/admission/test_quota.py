"""Above a quota nothing gets in, whichever door it comes to, and the words are the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.quota import Quota
from funkhaus.domain.subject import Role
from funkhaus.domain.tenant import Tenant
from funkhaus.kube import KubeCluster
from tests.support.admission_house import DEVELOPER, NAMESPACE, House
from tests.support.api import World, serving
from tests.support.questions import function
from tests.support.webhook import demo_stores

if TYPE_CHECKING:
    from collections.abc import Iterator

    from funkhaus.domain.quota import Account
    from tests.support.stores import MemoryStores

SMALL = Quota(2, 20, 6, 2000, 1024**3)


@pytest.fixture
def room(house: House) -> Iterator[House]:
    """The tenant's namespace with a small quota and empty books."""
    state = house.webhook.stores.state
    state.books.charges.clear()
    before = state.namespaces["demo", "default"]
    state.namespaces["demo", "default"] = (type(before[0])("demo", "default", SMALL), True)
    yield house
    for name in ("one", "two", "three"):
        house.delete("function", name)
    house.webhook.stores.state.namespaces["demo", "default"] = before
    house.webhook.stores.state.books.charges.clear()


async def account(house: House) -> Account:
    async with house.webhook.stores.begin("demo") as work:
        return await work.ledger.account("default")


async def through_rest(house: House, manifest: dict[str, Any]) -> dict[str, Any]:
    """The problem the API answers with, writing to the same kube-apiserver as the user."""
    stores: MemoryStores = demo_stores()
    assert stores.state.tenants["demo"] == Tenant("demo", "small")
    cluster = await KubeCluster.connect(str(house.server.kubeconfig), manager="funkhaus-api")
    try:
        world = World(stores, cluster=cluster)  # type: ignore[arg-type]  # the real one
        token = await world.token("demo", Role.DEVELOPER)
        async with serving(world.services()) as nobody:
            body = {"name": manifest["metadata"]["name"], "spec": manifest["spec"]}
            reply = await nobody.holding(token).post(
                "/v1/tenants/demo/namespaces/default/functions", body
            )
            return reply.problem(403, "policy-denied")
    finally:
        await cluster.close()


async def test_every_door_refuses_in_the_same_words(room: House) -> None:
    assert room.apply(function("one")).returncode == 0
    too_much = function("two", scaling={"min": 1, "max": 4, "cpuPercent": 80})
    words = (
        'spec.scaling.max: namespace "default" would hold replicas 7, its quota is 6: scaling.max 3 passes, '
        "or see `funkhaus quota show` and `funkhaus quota request`"
    )
    client = room.apply(too_much)
    server = room.kubectl("apply", "--server-side", "-f", "-", stdin=too_much, who=DEVELOPER)
    dry = room.apply(too_much, "--dry-run=server")
    assert all(words in done.stderr for done in (client, server, dry)), client.stderr
    problem = await through_rest(room, too_much)
    (finding,) = problem["findings"]
    assert f"{finding['path']}: {finding['message']}" == words
    assert (finding["code"], finding["limit"], finding["value"], finding["passes"]) == (
        "quota-namespace-replicas", 6, 7, 3,
    )  # fmt: skip
    assert (await account(room)).held.functions == 1
    fits = function("two", scaling={"min": 1, "max": 3, "cpuPercent": 80})
    assert room.apply(fits).returncode == 0  # what the words promised
    assert "would hold functions 3" in room.apply(function("three")).stderr


async def test_b03_a_scale_by_patch_is_an_ask_like_any_other(room: House) -> None:
    assert room.apply(function("one")).returncode == 0
    patch = json.dumps({"spec": {"scaling": {"max": 5}, "resources": {"cpu": "500m"}}})
    words = ("patch", "function", "one", "-n", NAMESPACE, "--type=merge", "-p", patch)
    done = room.kubectl(*words, who=DEVELOPER)
    assert "would hold CPU 2500m, its quota is 2: 400m passes with scaling.max 5" in done.stderr
    assert (await account(room)).held.cpu_millis == 750
    room.kubectl("label", "function", "one", "-n", NAMESPACE, "app=x", who=DEVELOPER)
    assert (await account(room)).held.cpu_millis == 750


async def test_asks_are_resolved_by_what_kube_apiserver_stored(room: House) -> None:
    """The versions kube-apiserver hands the webhook are those the proof in `domain.charge` leans on."""
    from funkhaus.domain.kinds import FUNCTION
    from funkhaus.factory import SystemClock
    from funkhaus.services.ledger import LedgerService

    ledger = LedgerService(room.webhook.stores, SystemClock())
    room.apply(function("one"))
    assert await ledger.seen(FUNCTION, room.get("function", "one")) == ()
    assert (await account(room)).reserved.replicas == 0
    assert (await account(room)).used.replicas == 3
    for replicas in (5, 2):
        room.apply(function("one", scaling={"min": 1, "max": replicas, "cpuPercent": 80}))
        await ledger.seen(FUNCTION, room.get("function", "one"))
        found = await account(room)
        assert (found.used.replicas, found.reserved.replicas) == (replicas, 0)
