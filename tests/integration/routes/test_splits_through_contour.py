"""Calls shared out by a real Envoy: in the shares that are asked for, and none lost when a revision is promoted."""

from __future__ import annotations

from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from funkhaus.domain.kinds import DEPLOYMENT, FUNCTION, HTTP_ROUTE, HTTP_TRIGGER, INGRESS, SERVICE
from funkhaus.manifests import labels
from tests.integration.routes.conftest import GATEWAY
from tests.support import contour

from .test_through_contour import SECONDS, Caller, Place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.test_controller import Stage
    from tests.support.contour import Edge

CALLS, SHARE = 1000, 100
BOUND = 48
"""Five standard deviations of a binomial with 1000 draws at one in ten, and a little: once in a million runs it is more."""


class Canary(Place):
    """Two revisions, each answered for by a server that says its name; the public Service leads where the selector does."""

    old = new = ""

    async def public(self) -> str:
        """The revision that the public Service selects."""
        found = await self.stage.admin.get(SERVICE, self.stage.namespace, "hello")
        assert found is not None
        return str(found["spec"]["selector"][labels.REVISION])

    async def serves(self, revision: str, port: int) -> None:
        """Wait until it does, and be the pods behind the Service."""

        async def so() -> bool:
            return await self.public() == revision

        await self.stage.until(so, SECONDS)
        contour.answered(self.edge, self.stage.namespace, "hello", port)

    async def counts(self, calls: int) -> Counter[str]:
        """Who answered how many of so many calls; what was not 200 under its status."""
        found: Counter[str] = Counter()
        for _ in range(calls):
            answer = await self.call()
            found[str(answer.seen["name"]) if answer.status == 200 else str(answer.status)] += 1
        return found

    async def only(self, name: str) -> None:
        """Wait until nobody else answers."""

        async def so() -> bool:
            return (await self.counts(50)).keys() == {name}

        await self.stage.until(so, SECONDS)


@asynccontextmanager
async def canary(edge: Edge, stage: Stage) -> AsyncIterator[Canary]:
    """The old revision takes 90 of 100, and the new one, which serves, the rest."""
    async with stage.controller(gateway=GATEWAY, ingress_class=contour.CLASS):
        await stage.tenant_namespace()
        await stage.function()
        place = Canary(edge, stage)
        place.old = await stage.bring_up()
        await stage.until(lambda: stage.ready(FUNCTION, "hello"))
        with contour.echo("old") as old, contour.echo("new") as new:
            contour.answered(edge, stage.namespace, "hello", old)
            contour.answered(edge, stage.namespace, place.old, old)
            shares = [{"revision": place.old, "weight": 90}, {"revision": "current", "weight": 10}]
            await place.trigger(backends=shares)
            await place.ready()
            await place.answers(200)
            await stage.function(timeout=31)
            place.new = await stage.bring_up(other_than=place.old)
            await place.serves(place.new, new)
            contour.answered(edge, stage.namespace, place.new, new)

            async def both() -> bool:
                return {"old", "new"} <= (await place.counts(30)).keys()

            await stage.until(both, SECONDS)
            yield place


async def test_a_thousand_calls_come_out_nine_to_one(edge: Edge, stage: Stage) -> None:
    async with canary(edge, stage) as place:
        found = await place.counts(CALLS)
        assert found.keys() == {"old", "new"}, found
        assert abs(found["new"] - SHARE) <= BOUND, found


async def test_what_is_promoted_gets_every_call_and_none_is_lost(edge: Edge, stage: Stage) -> None:
    """The one that serves: its splits end, and the old one only after nothing leads there."""
    async with canary(edge, stage) as place:
        caller = Caller(edge, place.host)
        with caller.calling():
            await place.trigger()
            await place.is_there(INGRESS)
            await place.is_there(HTTP_ROUTE, there=False)
            await place.only("new")

            async def gone() -> bool:
                return await stage.admin.get(DEPLOYMENT, stage.namespace, place.old) is None

            await stage.until(gone, SECONDS)
        assert caller.failed == []
        assert caller.count > 50
        assert await stage.admin.get(SERVICE, stage.namespace, place.old) is None


async def test_a_share_is_changed_without_losing_a_call(edge: Edge, stage: Stage) -> None:
    async with canary(edge, stage) as place:
        caller = Caller(edge, place.host)
        with caller.calling():
            for backends, answers in (
                ([(place.old, 0), (place.new, 1)], "new"),
                ([(place.old, 1)], "old"),
                ([("current", 1)], "new"),
            ):
                wanted = [{"revision": name, "weight": weight} for name, weight in backends]
                await place.trigger(backends=wanted)
                await place.only(answers)
        assert caller.failed == []
        status = await stage.status(HTTP_TRIGGER, "web")
        assert {item["revision"] for item in status["pins"]} <= {place.old, place.new}
