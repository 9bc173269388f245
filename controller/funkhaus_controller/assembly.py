"""What the controller opens, and the materialisers put together."""

from __future__ import annotations

import os
import socket
import uuid
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from funkhaus.domain.build import BuildRules, Index
from funkhaus.domain.kinds import CRON_JOB_TRIGGER, FUNCTION, HTTP_TRIGGER, TENANT_NAMESPACE
from funkhaus.domain.upstream import Upstream
from funkhaus.factory import Opener, SystemClock
from funkhaus.kube import KubeLease
from funkhaus.services.holding import Holding
from funkhaus.services.ledger import LedgerService
from funkhaus.services.materialisation import (
    CronMaterialiser,
    FunctionMaterialiser,
    NamespaceMaterialiser,
    Surroundings,
    TriggerMaterialiser,
)
from funkhaus.services.materialisation.happenings import Happenings
from funkhaus.services.materialisation.idleness import Idleness
from funkhaus.services.materialisation.sleeping import Sleeping
from funkhaus.services.materialisation.standing import Standing
from funkhaus.services.materialisation.upkeep import Upkeep
from funkhaus.services.reviews import ReviewService
from funkhaus_controller import schedule
from funkhaus_controller.collecting import PodResults
from funkhaus_controller.counted import CountedRegistry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from funkhaus.ports import (
        Activity,
        BuildResults,
        Clock,
        Cluster,
        Decider,
        ImageRegistry,
        Stores,
    )
    from funkhaus.services.materialisation import Next
    from funkhaus.settings import Controller
    from funkhaus_controller.election import Lease

NAME = "funkhaus-controller"
"""Of the process: its field manager, its database sessions, its Lease."""


@dataclass(frozen=True, slots=True)
class World:
    """What the controller needs of the world."""

    stores: Stores
    decider: Decider
    cluster: Cluster
    registry: ImageRegistry
    results: BuildResults
    lease: Lease
    clock: Clock
    activity: Activity


@asynccontextmanager
async def world(settings: Controller) -> AsyncIterator[World]:
    """The real world, opened and closed again. Raises `InvalidError` for settings that can't be right."""
    async with AsyncExitStack() as stack:
        opener = Opener(stack, NAME)
        stores, decider = await opener.stores(settings), await opener.decider(settings)
        cluster, registry = await opener.cluster(settings), opener.registry(settings)
        results, clock = PodResults.open(), SystemClock()
        stack.push_async_callback(results.close)
        lease = KubeLease(
            cluster,
            clock,
            namespace=settings.system_namespace,
            name=NAME,
            identity=f"{socket.gethostname()}_{os.getpid()}_{uuid.uuid4().hex[:8]}",
            duration=schedule.LEASE,
        )
        yield World(stores, decider, cluster, registry, results, lease, clock, opener.activity())


def build_rules(settings: Controller) -> BuildRules:
    """What builds may take, as the settings say. Raises `InvalidError`."""
    return BuildRules(
        index=Index.of(
            settings.build_index_url,
            cidrs=settings.build_index_cidrs,
            namespace=settings.build_index_namespace,
            ca=settings.build_index_ca,
        ),
        seconds=settings.build_seconds,
        cpu=settings.build_cpu,
        memory=settings.build_memory,
        disk=settings.build_disk,
        at_once=settings.builds_at_once,
        at_once_tenant=settings.builds_at_once_tenant,
        upstream=Upstream.of(
            cidrs=settings.source_cidrs,
            namespace=settings.source_namespace,
            ports=settings.source_ports,
            ca=settings.source_ca,
        ),
        source_runtime=settings.source_runtime,
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def reconcilers(
    settings: Controller, world: World
) -> dict[str, Callable[[str, str], Awaitable[Next]]]:
    """The `reconcile` of every kind, by the kind's name."""
    around = Surroundings(
        domain=settings.domain,
        ingress_class=settings.ingress_class,
        ingress_port=settings.ingress_port,
        ingress_namespace=settings.ingress_namespace,
        system_namespace=settings.system_namespace,
        dns_cidrs=_listed(settings.dns_cidrs),
        caller_runtime=settings.caller_runtime,
        gateway=settings.route_gateway,
        builds=build_rules(settings),
        waker_cidrs=_listed(settings.waker_cidrs),
        waker_port=settings.waker_port,
    )
    ledger = LedgerService(world.stores, world.clock)
    holding = Holding(world.stores, world.clock)
    judge = ReviewService(
        world.stores,
        world.decider,
        ledger,
        world.cluster,
        world.clock,
        domain=settings.domain,
        system_namespace=settings.system_namespace,
        gateway=around.gateway is not None,
    )
    happenings = Happenings(world.cluster, world.clock, NAME)
    standing = Standing(world.cluster, world.clock, happenings)
    upkeep = Upkeep(world.cluster, happenings)
    sleeping = Sleeping(
        world.cluster,
        upkeep,
        world.clock,
        Idleness(world.activity, world.clock),
        system=settings.system_namespace,
    )
    functions = FunctionMaterialiser(
        cluster=world.cluster,
        registry=CountedRegistry(world.registry),
        judge=judge,
        ledger=ledger,
        holding=holding,
        stores=world.stores,
        clock=world.clock,
        standing=standing,
        upkeep=upkeep,
        results=world.results,
        builds=around.builds,
        sleeping=sleeping,
        kept=settings.revisions_kept,
    )
    triggers = TriggerMaterialiser(
        cluster=world.cluster,
        judge=judge,
        ledger=ledger,
        holding=holding,
        stores=world.stores,
        clock=world.clock,
        standing=standing,
        upkeep=upkeep,
        surroundings=around,
    )
    crons = CronMaterialiser(
        cluster=world.cluster,
        judge=judge,
        ledger=ledger,
        holding=holding,
        stores=world.stores,
        clock=world.clock,
        standing=standing,
        upkeep=upkeep,
        surroundings=around,
    )
    namespaces = NamespaceMaterialiser(
        cluster=world.cluster, standing=standing, upkeep=upkeep, surroundings=around
    )
    return {
        FUNCTION.name: functions.reconcile,
        HTTP_TRIGGER.name: triggers.reconcile,
        CRON_JOB_TRIGGER.name: crons.reconcile,
        TENANT_NAMESPACE.name: namespaces.reconcile,
    }
