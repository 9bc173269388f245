"""Who calls, by address: a tenant's pod, one that may name any host, or nobody knows."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Any

import pytest

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.kinds import POD
from funkhaus.services.waking import Callers, UnknownCallerError, networks
from tests.support.cluster import MemoryCluster

NODE, OWN, ENVOY, NEW = "10.222.0.1", "10.244.0.7", "10.244.0.9", "10.244.0.10"


def pod(cluster: MemoryCluster, namespace: str, name: str, address: str, **spec: Any) -> None:
    cluster.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    cluster.put(
        {
            "apiVersion": "v1",
            "kind": POD.name,
            "metadata": {"namespace": namespace, "name": name},
            "spec": spec,
            "status": {"podIP": address, "phase": "Running"},
        }
    )


@pytest.fixture
def cluster() -> MemoryCluster:
    made = MemoryCluster("funkhaus-waker")
    pod(made, "demo--main", "caller", OWN)
    pod(made, "projectcontour", "envoy", ENVOY)
    pod(made, "kube-system", "proxy", NODE, hostNetwork=True)
    return made


def callers(cluster: MemoryCluster, *outside: str) -> Callers:
    return Callers(cluster, networks(",".join(outside)), patience=0.05, pause=0.01)


async def test_a_tenant_s_pod_and_one_of_nobody_s(cluster: MemoryCluster) -> None:
    who = callers(cluster)
    assert await who.namespace(OWN) == "demo--main"
    assert await who.namespace(ENVOY) == ""


@pytest.mark.parametrize("address", [NODE, "192.0.2.7", "fd00::7", ""])
async def test_an_address_that_is_no_pod_s_own_is_not_answered(
    cluster: MemoryCluster, address: str
) -> None:
    """A node's address is what every pod has that is hidden behind it."""
    with pytest.raises(UnknownCallerError, match="FUNKHAUS_WAKER_CALLERS") as caught:
        await callers(cluster).namespace(address)
    assert "hides pods' addresses" in caught.value.message
    assert caught.value.code == "forbidden"


async def test_unless_an_admin_has_named_it(cluster: MemoryCluster) -> None:
    who = callers(cluster, "192.0.2.0/28", "10.222.0.1/32", "fd00::/64")
    for address in (NODE, "192.0.2.7", "fd00::7"):
        assert await who.namespace(address) == ""
    with pytest.raises(UnknownCallerError):
        await who.namespace("192.0.2.200")


async def test_a_pod_may_call_before_its_address_is_told(cluster: MemoryCluster) -> None:
    who = Callers(cluster, patience=20, pause=0.01)
    waiting = asyncio.create_task(who.namespace(NEW))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    pod(cluster, "demo--main", "cron-1", NEW)
    assert await waiting == "demo--main"


def test_networks() -> None:
    assert networks("") == ()
    assert networks(" 10.0.0.0/8, fd00::/64,") == (
        ipaddress.ip_network("10.0.0.0/8"),
        ipaddress.ip_network("fd00::/64"),
    )


@pytest.mark.parametrize("text", ["10.0.0.1/8", "here", "10.0.0.0/8;fd00::/64", "10.0.0.0/40"])
def test_what_is_no_network_is_named(text: str) -> None:
    with pytest.raises(
        InvalidError, match=r"FUNKHAUS_WAKER_CALLERS: .* is no CIDR .*10\.0\.0\.0/8 would pass"
    ):
        networks(text)
