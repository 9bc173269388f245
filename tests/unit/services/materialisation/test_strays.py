"""What somebody adds to an object of ours where nothing may be added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from funkhaus.domain.kinds import CRON_JOB, INGRESS, NETWORK_POLICY, SERVICE
from funkhaus.services.materialisation.upkeep import strays
from tests.support.materials import NS

if TYPE_CHECKING:
    from tests.support.materials import House

WANTED: dict[str, Any] = {
    "spec": {
        "podSelector": {},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"podSelector": {}}], "ports": [{"port": 8080}]}],
    }
}


def live(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"labels": {"any": "label"}}, "spec": {**WANTED["spec"], **spec}}


@pytest.mark.parametrize(
    ("added", "patch"),
    [
        ({}, {}),
        ({"egress": [{}]}, {"spec": {"egress": None}}),
        ({"podSelector": {"matchLabels": {"a": "b"}}}, {"spec": {"podSelector": {"matchLabels": None}}}),
        (
            {"ingress": [{"from": [{"podSelector": {}, "namespaceSelector": {}}], "ports": [{"port": 8080}]}]},
            {"spec": {"ingress": WANTED["spec"]["ingress"]}},
        ),
    ],
)  # fmt: skip
def test_what_is_beside_goes(added: dict[str, Any], patch: dict[str, Any]) -> None:
    assert strays(NETWORK_POLICY, live(**added), WANTED) == patch


def test_only_where_nothing_may_be_added() -> None:
    wanted = {"spec": {"selector": {"a": "b"}}}
    there = {
        "spec": {
            "selector": {"a": "b", "c": "d"},
            "clusterIP": "10.0.0.1",
            "externalIPs": ["1.2.3.4"],
        }
    }
    assert strays(SERVICE, there, wanted) == {
        "spec": {"selector": {"c": None}, "externalIPs": None}
    }
    assert strays(SERVICE, {"spec": {"selector": {"a": "b"}, "clusterIP": "x"}}, wanted) == {}
    assert strays(CRON_JOB, {"spec": {"x": 1}}, {"spec": {}}) == {}


async def test_b33_a_way_in_that_somebody_added_is_closed(house: House) -> None:
    house.tenant_namespace("acme--shop")
    await house.namespaces.reconcile("", "acme--shop")
    stranger = house.cluster.twin("kubectl")
    await stranger.merge_patch(
        NETWORK_POLICY, "acme--shop", "funkhaus-deny", {"spec": {"ingress": [{}]}}
    )
    await house.namespaces.reconcile("", "acme--shop")
    assert (
        "ingress" not in house.cluster.find(NETWORK_POLICY, "acme--shop", "funkhaus-deny")["spec"]
    )
    house.cluster.writes.clear()
    await house.namespaces.reconcile("", "acme--shop")
    assert house.cluster.writes == []


async def test_a_selector_that_somebody_narrowed_selects_again(house: House) -> None:
    house.function()
    await house.reconcile()
    stranger = house.cluster.twin("kubectl")
    await stranger.merge_patch(SERVICE, NS, "hello", {"spec": {"selector": {"x": "y"}}})
    await house.reconcile()
    assert "x" not in house.cluster.find(SERVICE, NS, "hello")["spec"]["selector"]


async def test_b33_a_host_that_somebody_added_is_gone(house: House) -> None:
    house.function()
    house.trigger()
    await house.triggers.reconcile(NS, "web")
    stranger = house.cluster.twin("kubectl")
    backend = {"service": {"name": "other", "port": {"number": 80}}}
    await stranger.merge_patch(INGRESS, NS, "web", {"spec": {"defaultBackend": backend}})
    await house.triggers.reconcile(NS, "web")
    assert "defaultBackend" not in house.cluster.find(INGRESS, NS, "web")["spec"]
