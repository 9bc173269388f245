"""A trigger's way in: an Ingress, or an HTTPRoute where it asks for what an Ingress can't say, and the change between them.

For a while both are there. The one that is wanted comes first, and the other goes once the first answers: a route when its
Gateway says that it has taken it up; an Ingress, which nobody has to answer for, `LINGER` after it was made.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from funkhaus.domain.errors import NotFoundError
from funkhaus.domain.kinds import HTTP_ROUTE, INGRESS
from funkhaus.domain.split import SETTLE, shifted
from funkhaus.manifests import trigger as builders
from funkhaus.services.materialisation.upkeep import remove

if TYPE_CHECKING:
    from funkhaus.domain.gateway import Gateway
    from funkhaus.domain.trigger import HTTPTrigger
    from funkhaus.manifests.labels import Owner, Site
    from funkhaus.ports import Clock, Cluster, Manifest
    from funkhaus.services.materialisation.parts import Surroundings
    from funkhaus.services.materialisation.upkeep import Upkeep

LINGER = timedelta(seconds=15)
"""How long a route stays beside the Ingress that takes its place: proxies learn of it."""
LOOK = 2.0
"""Seconds until a route is looked at again that its Gateway has not answered for; its status is watched, too."""


@dataclass(frozen=True, slots=True)
class Way:
    """How it stands: `open` is whether calls get through, ``None`` while that is not known yet; `after` as in `Next`."""

    open: bool | None
    reason: str
    message: str
    after: float | None = None


class WaysIn:
    """Makes the one and takes away the other."""

    def __init__(
        self, cluster: Cluster, upkeep: Upkeep, clock: Clock, surroundings: Surroundings
    ) -> None:
        self._cluster, self._upkeep, self._clock = cluster, upkeep, clock
        self._around = surroundings

    async def ensure(self, place: Site, trigger: HTTPTrigger, seconds: int) -> Way:
        """Have the way in that the trigger asks for; `seconds` are its function's time-out.

        Raises `ForeignError` and the cluster's errors.
        """
        (ingress, route), around = await self._live(trigger), self._around
        owner, led = builders.owner(trigger), _led_to(trigger, route)
        if not trigger.spec.routed and led - {trigger.spec.function} and around.gateway:
            # The route leads to what the Ingress will lead to, before that takes its place.
            return await self._by_route(place, trigger, seconds, around.gateway, ingress, route)
        if not trigger.spec.routed:
            wanted = builders.ingress(
                place,
                trigger,
                domain=around.domain,
                ingress_class=around.ingress_class,
                timeout=seconds,
            )
            return await self._by_ingress(wanted, owner, ingress, route)
        if around.gateway is None:
            return Way(open=False, reason="GatewayMissing", message=_without(trigger))
        return await self._by_route(place, trigger, seconds, around.gateway, ingress, route)

    async def led_to(self, trigger: HTTPTrigger) -> frozenset[str]:
        """The Services that the route leads to as it is now; none without a route."""
        _, route = await self._live(trigger)
        return _led_to(trigger, route)

    async def hosts(self, trigger: HTTPTrigger) -> set[str]:
        """The hosts that are answered for now."""
        owner, found = builders.owner(trigger), set[Any]()
        ingress, route = await self._live(trigger)
        if ingress and owner.owns(ingress):
            found |= {rule.get("host") for rule in ingress["spec"].get("rules") or []}
        if route and owner.owns(route):
            found |= set(route["spec"].get("hostnames") or [])
        return {str(host) for host in found if host}

    async def _live(self, trigger: HTTPTrigger) -> tuple[Manifest | None, Manifest | None]:
        namespace, name = trigger.namespace, trigger.name
        if self._around.gateway is None:  # nobody need serve the kind
            return await self._cluster.get(INGRESS, namespace, name), None
        return await asyncio.gather(
            self._cluster.get(INGRESS, namespace, name),
            self._cluster.get(HTTP_ROUTE, namespace, name),
        )

    async def _by_ingress(
        self, wanted: Manifest, owner: Owner, ingress: Manifest | None, route: Manifest | None
    ) -> Way:
        made = await self._upkeep.ensure(wanted, owner, ingress)
        after: float | None = None
        if route and owner.owns(route):
            after = max(0.0, (_made_at(made) + LINGER - self._clock.now()).total_seconds())
            if not after:
                await remove(self._cluster, route, owner)
                after = None
        return Way(open=True, reason="Routed", message="", after=after)

    async def _by_route(
        self,
        place: Site,
        trigger: HTTPTrigger,
        seconds: int,
        gateway: Gateway,
        ingress: Manifest | None,
        route: Manifest | None,
    ) -> Way:
        owner, now = builders.owner(trigger), self._clock.now()
        there = {trigger.spec.function: 1} if ingress and owner.owns(ingress) else {}
        since, settled = now, False
        if route and owner.owns(route):
            there, since = builders.led_to(route), builders.led_since(route)
            settled = now - since >= SETTLE and _taken_up(route, gateway).open is True
        led, last = shifted(there, builders.shares(trigger), settled=settled)
        wanted = builders.http_route(
            place,
            trigger,
            domain=self._around.domain,
            gateway=gateway,
            timeout=seconds,
            led=led,
            since=since if led == there else now,
        )
        try:
            made = await self._upkeep.ensure(wanted, owner, route)
        except NotFoundError:
            message = (
                "the cluster serves no HTTPRoutes (gateway.networking.k8s.io/v1): "
                "whoever runs the platform has to install the Gateway API"
            )
            return Way(open=False, reason="GatewayMissing", message=message)
        way = _taken_up(made, gateway)
        if way.open:
            await remove(self._cluster, ingress, owner)
        if way.open is False or (last and trigger.spec.routed):
            return way
        return Way(
            open=None,
            reason="SharesMoving",
            message="calls move step by step to where they are to go; none is lost",
            after=LOOK if way.open is None else SETTLE.total_seconds(),
        )


def _led_to(trigger: HTTPTrigger, route: Manifest | None) -> frozenset[str]:
    if route is None or not builders.owner(trigger).owns(route):
        return frozenset()
    return frozenset(builders.led_to(route))


def _without(trigger: HTTPTrigger) -> str:
    fields = ", ".join(f"spec.{name}" for name in trigger.spec.routed)
    return (
        f"{fields} can't be had: the platform names no Gateway (FUNKHAUS_GATEWAY); ask whoever runs it for one, or leave "
        "that out. What answered before stays"
    )


def _taken_up(route: Manifest, gateway: Gateway) -> Way:
    """What the Gateway says of the route as it is now."""
    said = _conditions(route, gateway)
    for kind in ("Accepted", "ResolvedRefs"):
        found = said.get(kind)
        if found is None:
            message = f"Gateway {gateway} has not taken the route up yet"
            return Way(open=None, reason="RoutePending", message=message, after=LOOK)
        if found.get("status") != "True":
            words = f"{found.get('reason')}: {found.get('message')}"
            return Way(
                open=False, reason="RouteRefused", message=f"Gateway {gateway} refuses: {words}"
            )
    return Way(open=True, reason="Routed", message="")


def _conditions(route: Manifest, gateway: Gateway) -> dict[str, Manifest]:
    """By type, only those about the route's present generation."""
    generation = route["metadata"].get("generation", 0)
    for parent in (route.get("status") or {}).get("parents") or []:
        reference = parent.get("parentRef") or {}
        if (reference.get("namespace"), reference.get("name")) == (gateway.namespace, gateway.name):
            return {
                item["type"]: item
                for item in parent.get("conditions") or []
                if item.get("observedGeneration", 0) >= generation
            }
    return {}


def _made_at(manifest: Manifest) -> datetime:
    text = str(manifest["metadata"].get("creationTimestamp", ""))
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
