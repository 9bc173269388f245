"""What is told to the cluster of a namespace that ends: that it ends is the last word, whoever else speaks of it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from funkhaus.crd import tenant_namespace
from funkhaus.domain.kinds import TENANT_NAMESPACE
from funkhaus.domain.subject import Role
from funkhaus.domain.tenant import Deletion
from funkhaus.ports import AuditRow
from funkhaus.services.outbox import Outbox
from funkhaus.services.purge import Purge
from tests.support.api import QUOTA, serving

from .test_lost_updates import waiting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from funkhaus.ports import TenantWork
    from tests.support.api import Client, World

pytestmark = pytest.mark.parametrize("url", ["postgres"], indirect=True)


@pytest.fixture
async def owner(any_world: World) -> AsyncIterator[Client]:
    async with serving(any_world.services()) as nobody:
        yield nobody.holding(await any_world.token("blue", Role.OWNER))


@asynccontextmanager
async def saying_what_it_is(world: World) -> AsyncIterator[TenantWork]:
    """The transaction of somebody who has read the namespace and is about to tell the cluster of it."""
    async with world.stores.begin("blue") as work:
        await work.ledger.lock()
        namespace = await work.namespace("default")
        yield work
        await work.enqueue(tenant_namespace.manifest(replace(namespace, quota=QUOTA)))


async def told(world: World) -> list[str]:
    """What the cluster has of blue once everything is told."""
    await Outbox(world.stores, world.cluster, world.clock).deliver()
    return [name for name in world.cluster.named(TENANT_NAMESPACE, "") if name.startswith("blue")]


async def test_a_deleted_namespace_does_not_come_back(
    any_world: World, owner: Client, url: str
) -> None:
    async with saying_what_it_is(any_world):
        deleting = asyncio.create_task(owner.delete("/v1/tenants/blue/namespaces/default"))
        await waiting(url, 1)
    assert (await deleting).status in {200, 202, 204}
    assert await told(any_world) == []


async def test_nor_one_of_a_tenant_that_ends(any_world: World, url: str) -> None:
    now = any_world.clock.now()
    async with any_world.stores.begin("blue") as work:
        await work.lifecycle.doom(Deletion(now, "Bob", now))
    world = any_world
    purge = Purge(world.stores, world.cluster, world.registry, world.clock, lambda: None)
    async with saying_what_it_is(any_world):
        ending = asyncio.create_task(purge.round())
        await waiting(url, 1)
    assert (await ending).failed == 0
    assert await told(any_world) == []
    assert (await purge.round()).gone == 1


async def test_who_holds_the_books_writes_to_the_log_past_who_waits_for_them(
    any_world: World, owner: Client, url: str
) -> None:
    async with any_world.stores.begin("blue") as work:
        await work.ledger.lock()
        making = asyncio.create_task(owner.post("/v1/tenants/blue/namespaces", {"name": "shop"}))
        await waiting(url, 1)  # it holds the tenant and wants the books
        await work.audit(AuditRow("blue", "fh:1", "", "a:b", "c", "done", "r", {}))
    assert (await making).status == 201
