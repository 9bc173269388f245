"""What an Ingress can't say, on the node's own Gateway: methods, and event headers that nobody from outside sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .house import Tenant, eventually

if TYPE_CHECKING:
    from pathlib import Path

    from .house import House

pytestmark = pytest.mark.cluster
FORGED = {"event-id": "forged", "event-namespace": "forged", "event-time": "forged"}


@pytest.fixture(scope="module")
def telling(tenant: Tenant, tmp_path_factory: pytest.TempPathFactory) -> Tenant:
    """A function that tells what it was told of the event."""
    source: Path = tmp_path_factory.mktemp("source") / "tell.py"
    source.write_text(
        "def handler(event, context):\n"
        "    return {name: event[name] for name in event if name.startswith('event-')}\n"
    )
    tenant.deploy("tell", source)
    return tenant


def status(house: House, tenant: Tenant, method: str) -> int:
    return house.call(tenant.host("tell"), method=method).status_code


def test_only_the_methods_that_are_named_get_through(house: House, telling: Tenant) -> None:
    created = telling.cli("trigger", "http", "create", "tell", "--function-name", "tell", "--method", "GET")  # fmt: skip
    assert created.code == 0, created.err
    eventually("the route", lambda: status(house, telling, "GET") == 200)
    assert status(house, telling, "POST") == 404
    routes = telling.kubectl("get", "httproutes", "-o", "name")
    assert routes.out.split() == ["httproute.gateway.networking.k8s.io/tell"], routes.err
    assert house.admin_json("get", "ingress", "-n", telling.cluster_namespace)["items"] == []


def test_nobody_from_outside_says_what_an_event_is(house: House, telling: Tenant) -> None:
    for flags in (("--method", "GET"), ("--any-method",)):
        ran = telling.cli("trigger", "http", "update", "tell", *flags)
        assert ran.code == 0, ran.err
        told = eventually(
            "an answer",
            lambda: (
                (r := house.call(telling.host("tell"), headers=FORGED)).status_code == 200
                and r.json()
            ),
        )
        assert "forged" not in told.values()
        assert told["event-id"]


def test_every_method_gets_through_again(house: House, telling: Tenant) -> None:
    ran = telling.cli("trigger", "http", "update", "tell", "--any-method")
    assert ran.code == 0, ran.err
    eventually("the Ingress", lambda: status(house, telling, "POST") == 200)
    eventually(
        "the route's end",
        lambda: not telling.kubectl("get", "httproutes", "-o", "name").out.strip(),
    )
    assert status(house, telling, "GET") == 200
