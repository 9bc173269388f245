"""A trigger's way in: an HTTPRoute where it asks for what an Ingress can't say, and no gap when one follows the other."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from funkhaus.crd import http_trigger
from funkhaus.domain.errors import NotFoundError
from funkhaus.domain.kinds import HTTP_ROUTE, HTTP_TRIGGER, INGRESS
from funkhaus.domain.verdict import Finding, Outcome
from funkhaus.services.materialisation.ways import LINGER
from tests.support.materials import GATEWAY, NS, House

if TYPE_CHECKING:
    from tests.support.materials import Manifest

HOST = "hello.demo.example.com"


def ready(house: House, name: str = "web") -> tuple[str, str, str]:
    status: Manifest = house.cluster.find(HTTP_TRIGGER, NS, name)["status"]
    (found,) = [item for item in status["conditions"] if item["type"] == "Ready"]
    return found["status"], found["reason"], found["message"]


def said(
    house: House, accepted: str = "True", *, generation: int | None = None, **more: Any
) -> None:
    """What the Gateway writes into the route's status."""
    live = house.cluster.find(HTTP_ROUTE, NS, "web")
    about = live["metadata"]["generation"] if generation is None else generation
    common = {"observedGeneration": about, "reason": "Because", "message": "so it is"}
    conditions = [
        {"type": "Accepted", "status": accepted, **common, **more},
        {"type": "ResolvedRefs", "status": "True", **common},
    ]
    parent = {
        "parentRef": {"namespace": GATEWAY.namespace, "name": GATEWAY.name},
        "conditions": conditions,
    }
    house.cluster.write_status(HTTP_ROUTE, NS, "web", {"parents": [parent]})


async def routed(house: House) -> None:
    house.function()
    house.trigger(methods=["GET", "POST"])
    await house.triggers.reconcile(NS, "web")
    said(house)
    assert (await house.triggers.reconcile(NS, "web")).outcome == "done"


async def test_methods_make_a_route_that_is_ready_once_the_gateway_has_it(house: House) -> None:
    house.function()
    house.trigger(methods=["GET", "POST"])
    found = await house.triggers.reconcile(NS, "web")
    assert (found.outcome, found.after) == ("held", 2.0)
    assert ready(house)[:2] == ("Unknown", "RoutePending")
    assert house.cluster.named(INGRESS, NS) == ()
    spec = house.cluster.find(HTTP_ROUTE, NS, "web")["spec"]
    assert spec["hostnames"] == [HOST]
    assert [match["method"] for match in spec["rules"][0]["matches"]] == ["GET", "POST"]
    said(house)
    assert (await house.triggers.reconcile(NS, "web")).outcome == "done"
    assert ready(house) == ("True", "Routed", f"http://{HOST}/ leads to hello (GET, POST)")
    house.cluster.writes.clear()
    await house.triggers.reconcile(NS, "web")
    assert house.cluster.writes == []


async def test_what_another_gateway_says_or_says_of_an_earlier_route_is_no_answer(
    house: House,
) -> None:
    await routed(house)
    house.trigger(methods=["GET"])
    assert (await house.triggers.reconcile(NS, "web")).outcome == "held"
    assert ready(house)[1] == "RoutePending"
    said(house)
    live = house.cluster.find(HTTP_ROUTE, NS, "web")
    live["status"]["parents"][0]["parentRef"]["name"] = "another"
    assert (await house.triggers.reconcile(NS, "web")).outcome == "held"


async def test_a_route_the_gateway_refuses_is_told_in_its_words(house: House) -> None:
    house.function()
    house.trigger(methods=["GET"])
    await house.triggers.reconcile(NS, "web")
    said(house, "False", reason="NotAllowedByListeners")
    assert (await house.triggers.reconcile(NS, "web")).outcome == "held"
    assert ready(house) == (
        "False",
        "RouteRefused",
        "Gateway edge/public refuses: NotAllowedByListeners: so it is",
    )


async def test_an_ingress_goes_only_when_the_route_is_taken_up(house: House) -> None:
    house.function()
    house.trigger()
    await house.triggers.reconcile(NS, "web")
    house.trigger(methods=["GET"])
    await house.triggers.reconcile(NS, "web")
    assert house.cluster.named(INGRESS, NS) == ("web",)
    said(house, "False")
    await house.triggers.reconcile(NS, "web")
    assert house.cluster.named(INGRESS, NS) == ("web",)
    said(house)
    await house.triggers.reconcile(NS, "web")
    assert house.cluster.named(INGRESS, NS) == ()
    assert house.cluster.named(HTTP_ROUTE, NS) == ("web",)


async def test_a_route_goes_a_while_after_the_ingress_came(house: House) -> None:
    await routed(house)
    house.trigger()
    first = await house.triggers.reconcile(NS, "web")
    assert first.outcome == "done"
    assert house.cluster.named(INGRESS, NS) == ("web",)
    made = house.cluster.find(INGRESS, NS, "web")["metadata"]
    made["creationTimestamp"] = house.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    again = await house.triggers.reconcile(NS, "web")
    assert house.cluster.named(HTTP_ROUTE, NS) == ("web",)
    assert again.after is not None
    assert 0 < again.after <= LINGER.total_seconds()
    house.clock.at += LINGER + timedelta(seconds=1)
    assert (await house.triggers.reconcile(NS, "web")).after is None
    assert house.cluster.named(HTTP_ROUTE, NS) == ()


async def test_without_a_gateway_the_field_is_refused_and_what_answers_stays() -> None:
    house = House(gateway=None)
    await house.settle_in()
    house.function()
    house.trigger()
    await house.triggers.reconcile(NS, "web")
    house.trigger(methods=["GET"])
    assert (await house.triggers.reconcile(NS, "web")).outcome == "held"
    status, reason, message = ready(house)
    assert (status, reason) == ("False", "GatewayMissing")
    assert message.startswith("spec.methods can't be had: the platform names no Gateway")
    assert house.cluster.named(INGRESS, NS) == ("web",)
    assert house.decider.asked[-1].gateway is False


async def test_where_nobody_serves_routes_that_is_said(house: House) -> None:
    house.function()
    house.trigger(methods=["GET"])
    house.cluster.failure = lambda verb, kind, *_: (
        NotFoundError("the server could not find the requested resource")
        if (verb, kind) == ("apply", HTTP_ROUTE)
        else None
    )
    assert (await house.triggers.reconcile(NS, "web")).outcome == "held"
    assert ready(house)[1] == "GatewayMissing"
    assert "install the Gateway API" in ready(house)[2]


async def test_a_strangers_route_is_never_adopted(house: House) -> None:
    stranger = house.cluster.put(
        {
            "apiVersion": HTTP_ROUTE.api_version,
            "kind": "HTTPRoute",
            "metadata": {"namespace": NS, "name": "web"},
            "spec": {"hostnames": ["theirs.example.com"]},
        }
    )
    house.function()
    house.trigger(methods=["GET"])
    assert (await house.triggers.reconcile(NS, "web")).outcome == "refused"
    assert ready(house)[1] == "Conflict"
    assert house.cluster.find(HTTP_ROUTE, NS, "web") == stranger
    house.trigger("plain")
    await house.triggers.reconcile(NS, "plain")
    assert house.cluster.find(HTTP_ROUTE, NS, "web") == stranger


async def test_b33_a_host_or_a_backend_that_somebody_added_to_a_route_is_gone(house: House) -> None:
    await routed(house)
    was = house.cluster.find(HTTP_ROUTE, NS, "web")["spec"]
    theirs = [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "backendRefs": []}]
    for patch in (
        {"hostnames": [HOST, "bank.example.org"]},
        {"rules": [*was["rules"], *theirs]},
        {"parentRefs": [{"name": "other", "namespace": "kube-system"}]},
    ):
        await house.cluster.twin("kubectl").merge_patch(HTTP_ROUTE, NS, "web", {"spec": patch})
        await house.triggers.reconcile(NS, "web")
        assert house.cluster.find(HTTP_ROUTE, NS, "web")["spec"] == was


async def test_the_host_of_a_route_is_held_while_another_waits_for_an_approval(
    house: House,
) -> None:
    await routed(house)
    asks = Finding("x-asks", "is a lot", "spec.host", Outcome.REQUIRE_APPROVAL)
    house.decider.findings = (asks,)
    trigger = house.trigger(methods=["GET"], host="other.demo.example.com")
    await house.triggers.reconcile(NS, "web")
    assert house.cluster.find(HTTP_ROUTE, NS, "web")["spec"]["hostnames"] == [HOST]
    assert await house.triggers._ways.hosts(http_trigger.parse(trigger)) == {HOST}


async def test_a_deleted_trigger_takes_its_route_along(house: House) -> None:
    await routed(house)
    await house.cluster.delete(HTTP_TRIGGER, NS, "web")
    assert house.cluster.named(HTTP_ROUTE, NS) == ()
    assert (await house.triggers.reconcile(NS, "web")).outcome == "gone"
