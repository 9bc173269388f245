from __future__ import annotations

from pathlib import Path

import pytest

from funkhaus_cluster import settings
from funkhaus_cluster.errors import ClusterError

CHECKOUT = Path("/checkout")


def test_defaults_are_the_documented_places_and_ports() -> None:
    found = settings.from_environ({"HOME": "/home/dev"}, checkout=CHECKOUT)

    assert found.state == Path("/var/lib/funkhaus")
    assert found.cache == Path("/home/dev/.cache/funkhaus")
    assert found.apiserver_url == "https://10.222.0.1:6443"
    assert found.registry == "127.0.0.1:5050"
    assert (found.ports.ingress, found.ports.opa, found.ports.api) == (8088, 8181, 8780)
    assert found.service_address == "10.96.0.1"
    assert found.pod_gateway == "10.244.0.1"


def test_cache_follows_xdg_unless_named() -> None:
    followed = settings.from_environ({"XDG_CACHE_HOME": "/fast"}, checkout=CHECKOUT)
    named = settings.from_environ(
        {"XDG_CACHE_HOME": "/fast", "FUNKHAUS_CACHE": "/big/one"}, checkout=CHECKOUT
    )

    assert followed.cache == Path("/fast/funkhaus")
    assert named.cache == Path("/big/one")


def test_a_port_is_overridden_by_its_name() -> None:
    found = settings.from_environ({"FUNKHAUS_INGRESS_PORT": "9090"}, checkout=CHECKOUT)

    assert found.ports.ingress == 9090


@pytest.mark.parametrize("value", ["0", "80", "65536", "http", "-1", "٨٠٨٨", "8088 "])
def test_a_port_that_is_none_is_named_with_what_would_pass(value: str) -> None:
    with pytest.raises(ClusterError) as raised:
        settings.from_environ({"FUNKHAUS_OPA_PORT": value}, checkout=CHECKOUT)

    assert "FUNKHAUS_OPA_PORT" in str(raised.value)
    assert repr(value) in str(raised.value)
    assert "1024 to 65535" in str(raised.value)


def test_two_parts_on_one_port_are_refused() -> None:
    with pytest.raises(ClusterError, match=r"port 8088 is given to both .*ingress.* and"):
        settings.from_environ({"FUNKHAUS_API_PORT": "8088"}, checkout=CHECKOUT)


@pytest.mark.parametrize("value", ["relative/path", "/"])
def test_a_state_folder_that_cannot_be_one(value: str) -> None:
    with pytest.raises(ClusterError, match=r"FUNKHAUS_STATE=.* must be an absolute path below /"):
        settings.from_environ({"FUNKHAUS_STATE": value}, checkout=CHECKOUT)


@pytest.mark.parametrize("value", ["127.0.0.1", "8.8.8.8", "node", "10.0.0.1/24"])
def test_a_node_address_that_cannot_be_one(value: str) -> None:
    with pytest.raises(ClusterError, match="FUNKHAUS_NODE_ADDRESS"):
        settings.from_environ({"FUNKHAUS_NODE_ADDRESS": value}, checkout=CHECKOUT)


def test_an_unknown_kind_of_cluster_lists_the_known() -> None:
    with pytest.raises(ClusterError, match="existing, kind, local"):
        settings.from_environ({"FUNKHAUS_CLUSTER": "minikube"}, checkout=CHECKOUT)


@pytest.mark.parametrize(
    "value", ["mysql://u:secret@db/x", "postgresql://u:secret@db/x", "db:5432"]
)
def test_a_database_that_cannot_be_used_is_refused_without_repeating_its_password(
    value: str,
) -> None:
    with pytest.raises(ClusterError, match=r"must look like postgresql\+asyncpg://") as raised:
        settings.from_environ({"FUNKHAUS_DATABASE_URL": value}, checkout=CHECKOUT)

    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("value", ["oidc.json", "/nowhere/oidc.json"])
def test_a_file_of_providers_that_is_not_there(value: str) -> None:
    with pytest.raises(
        ClusterError, match=r"FUNKHAUS_OIDC_FILE=.* must be the absolute path of a file"
    ):
        settings.from_environ({"FUNKHAUS_OIDC_FILE": value}, checkout=CHECKOUT)
