"""An HTTPTrigger becomes an Ingress, and says what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.errors import UnavailableError
from funkhaus.domain.kinds import FUNCTION, HTTP_TRIGGER, INGRESS
from funkhaus.domain.verdict import Finding
from tests.support.materials import NS

if TYPE_CHECKING:
    from tests.support.materials import House, Manifest


def condition(house: House, kind: str, name: str = "web") -> tuple[str, str, str]:
    status: Manifest = house.cluster.find(HTTP_TRIGGER, NS, name)["status"]
    (found,) = [item for item in status["conditions"] if item["type"] == kind]
    return found["status"], found["reason"], found["message"]


async def test_a_trigger_becomes_an_ingress_with_a_url(house: House) -> None:
    house.function()
    house.trigger()
    assert (await house.triggers.reconcile(NS, "web")).outcome == "done"
    spec = house.cluster.find(INGRESS, NS, "web")["spec"]
    assert spec["ingressClassName"] == "contour"
    assert spec["rules"][0]["host"] == "hello.demo.example.com"
    status = house.cluster.find(HTTP_TRIGGER, NS, "web")["status"]
    assert status["url"] == "http://hello.demo.example.com/"
    assert condition(house, "Ready")[0] == "True"
    house.cluster.writes.clear()
    await house.triggers.reconcile(NS, "web")
    assert house.cluster.writes == []


async def test_without_its_function_it_keeps_its_host_and_heals(house: House) -> None:
    house.trigger()
    await house.triggers.reconcile(NS, "web")
    assert condition(house, "Ready")[:2] == ("False", "FunctionMissing")
    assert house.cluster.named(INGRESS, NS) == ("web",)
    house.function()
    await house.triggers.reconcile(NS, "web")
    assert condition(house, "Ready")[0] == "True"
    await house.cluster.delete(FUNCTION, NS, "hello")
    await house.triggers.reconcile(NS, "web")
    assert condition(house, "Ready")[1] == "FunctionMissing"
    assert house.cluster.named(INGRESS, NS) == ("web",)


async def test_a_refused_change_leaves_the_ingress_as_it_was(house: House) -> None:
    house.function()
    house.trigger()
    await house.triggers.reconcile(NS, "web")
    house.decider.findings = (Finding("hostname", "is not yours", "spec.host"),)
    house.trigger(host="bank.example.org")
    assert (await house.triggers.reconcile(NS, "web")).outcome == "held"
    assert condition(house, "Admitted") == ("False", "PolicyDenied", "spec.host: is not yours")
    rules = house.cluster.find(INGRESS, NS, "web")["spec"]["rules"]
    assert rules[0]["host"] == "hello.demo.example.com"


async def test_a_strangers_ingress_is_never_adopted(house: House) -> None:
    stranger = house.cluster.put(
        {
            "apiVersion": INGRESS.api_version,
            "kind": "Ingress",
            "metadata": {"namespace": NS, "name": "web"},
            "spec": {"rules": []},
        }
    )
    house.trigger()
    assert (await house.triggers.reconcile(NS, "web")).outcome == "refused"
    assert condition(house, "Ready")[1] == "Conflict"
    assert house.cluster.find(INGRESS, NS, "web") == stranger


async def test_without_a_verdict_it_waits(house: House) -> None:
    house.decider.error = UnavailableError("nobody home")
    house.trigger()
    with pytest.raises(UnavailableError):
        await house.triggers.reconcile(NS, "web")
    assert house.cluster.named(INGRESS, NS) == ()
    assert condition(house, "Degraded")[1] == "Unavailable"


async def test_a_deleted_trigger_takes_its_ingress_along(house: House) -> None:
    house.trigger()
    await house.triggers.reconcile(NS, "web")
    await house.cluster.delete(HTTP_TRIGGER, NS, "web")
    assert house.cluster.named(INGRESS, NS) == ()
    assert (await house.triggers.reconcile(NS, "web")).outcome == "gone"


async def test_a_shape_nobody_expects_is_a_condition_and_no_crash(house: House) -> None:
    house.trigger(host=["a"])
    assert (await house.triggers.reconcile(NS, "web")).outcome == "held"
    assert condition(house, "Admitted")[1] == "Invalid"
