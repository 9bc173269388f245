"""Revisions remember whose they are, what they were made of and when they served; and going back finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from funkhaus.crd import revision as revision_crd
from funkhaus.domain.kinds import DEPLOYMENT, FUNCTION, FUNCTION_REVISION
from funkhaus.domain.question import CHANGED_BY, CREATED_BY
from tests.support.materials import BASE, NEWER_BASE, NS

if TYPE_CHECKING:
    from tests.support.materials import House


async def rolled_out(house: House, **spec: Any) -> str:
    """A change that went through; its revision."""
    house.function(**spec)
    await house.reconcile()
    revision: str = house.status()["latestRevision"]
    house.ready(revision)
    await house.reconcile()
    house.clock.pass_seconds(20)
    await house.reconcile()
    assert house.serving() == revision
    return revision


def stored(house: House, revision: str) -> dict[str, Any]:
    return house.cluster.find(FUNCTION_REVISION, NS, revision)


async def test_a_revision_names_the_author_of_its_change(house: House) -> None:
    manifest = house.function()
    manifest["metadata"]["annotations"] = {CREATED_BY: "fh:first", CHANGED_BY: "fh:second"}
    house.cluster.put(manifest)
    await house.reconcile()
    found = stored(house, house.status()["latestRevision"])
    assert found["metadata"]["annotations"] == {CREATED_BY: "fh:second"}


async def test_without_a_change_the_creator_is_the_author(house: House) -> None:
    manifest = house.function()
    manifest["metadata"]["annotations"] = {CREATED_BY: "fh:first"}
    house.cluster.put(manifest)
    await house.reconcile()
    found = stored(house, house.status()["latestRevision"])
    assert found["metadata"]["annotations"] == {CREATED_BY: "fh:first"}


async def test_a_revision_holds_what_asks_for_it(house: House) -> None:
    env = [{"name": "A", "value": "1"}, {"name": "S", "secretKeyRef": {"name": "s", "key": "k"}}]
    revision = await rolled_out(house, env=env)
    asked = revision_crd.asked_for(revision_crd.parse(stored(house, revision)))
    assert asked is not None
    await rolled_out(house, timeout=31)
    house.function(**asked)
    await house.reconcile()
    assert house.status()["latestRevision"] == revision
    assert len(house.registry.pushes) == 1, "the image was there"


async def test_a_revision_serves_from_its_first_ready_replica_on(house: House) -> None:
    house.function()
    await house.reconcile()
    revision = house.serving()
    assert revision_crd.served_at(stored(house, revision)) == ""
    house.ready(revision)
    await house.reconcile()
    at = revision_crd.served_at(stored(house, revision))
    assert at
    house.clock.pass_seconds(100)
    await house.reconcile()
    assert revision_crd.served_at(stored(house, revision)) == at


async def test_serving_again_is_serving_later(house: House) -> None:
    first = await rolled_out(house)
    second = await rolled_out(house, timeout=31)
    served = {name: revision_crd.served_at(stored(house, name)) for name in (first, second)}
    assert served[first] < served[second]
    assert await rolled_out(house) == first
    assert revision_crd.served_at(stored(house, first)) > served[second]


async def test_going_back_brings_the_very_base_image_back(house: House) -> None:
    first = await rolled_out(house)
    house.install(NEWER_BASE)
    second = await rolled_out(house, timeout=31)
    assert stored(house, second)["spec"]["runtimeImage"] == NEWER_BASE
    assert await rolled_out(house) == first
    assert stored(house, first)["spec"]["runtimeImage"] == BASE
    assert house.cluster.named(DEPLOYMENT, NS) == (first,)


async def test_the_least_recently_used_goes_first(house: House) -> None:
    first = await rolled_out(house)
    second = await rolled_out(house, timeout=100)
    for timeout in range(101, 107):
        await rolled_out(house, timeout=timeout)
    assert await rolled_out(house) == first, "used again"
    for timeout in range(107, 112):
        await rolled_out(house, timeout=timeout)
    kept = house.cluster.named(FUNCTION_REVISION, NS)
    assert len(kept) == 11
    assert first in kept
    assert second not in kept
    assert house.serving() in kept


async def test_what_serves_is_kept_however_old_it_is(house: House) -> None:
    first = await rolled_out(house)
    for timeout in range(100, 115):
        house.function(timeout=timeout)
        await house.reconcile()
    assert house.serving() == first
    assert first in house.cluster.named(FUNCTION_REVISION, NS)
    assert house.status()["latestRevision"] in house.cluster.named(FUNCTION_REVISION, NS)


async def test_a_revision_somebody_deletes_is_made_again(house: House) -> None:
    revision = await rolled_out(house)
    await house.cluster.twin("kubectl").delete(FUNCTION_REVISION, NS, revision)
    await house.reconcile()
    await house.reconcile()
    assert stored(house, revision)["spec"]["image"]
    assert house.cluster.find(FUNCTION, NS, "hello")["status"]["revision"] == revision
