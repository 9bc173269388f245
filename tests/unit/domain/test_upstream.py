"""What of a network sources are fetched from, and what of it is nobody's to name."""

from __future__ import annotations

import ipaddress

import pytest

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.upstream import Block, Upstream
from funkhaus_build.source.networks import Networks

INSIDE = ["10.1.2.3", "127.0.0.1", "169.254.169.254", "172.20.0.1", "192.168.1.1", "100.64.0.1", "0.0.0.0", "224.0.0.1",
          "255.255.255.255", "::1", "fe80::1", "fc00::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::a00:1",
          "2002:a00:1::"]  # fmt: skip
OUTSIDE = ["140.82.121.4", "8.8.8.8", "2606:50c0:8000::153", "172.32.0.1", "100.128.0.1"]


def test_nothing_is_fetched_where_nobody_says_from_where() -> None:
    assert Upstream.of() is None
    assert Upstream.of(ports="443") is None


def test_the_internet_is_what_is_nobody_s_own() -> None:
    upstream = Upstream.of(cidrs="0.0.0.0/0, ::/0")
    assert upstream
    assert upstream.ports == (443,)
    allowed = Networks.read(upstream.addresses)
    assert [text for text in INSIDE if allowed.hold(ipaddress.ip_address(text))] == []
    assert [text for text in OUTSIDE if not allowed.hold(ipaddress.ip_address(text))] == []


def test_what_is_named_itself_counts() -> None:
    upstream = Upstream.of(cidrs="10.1.0.0/16,192.168.0.0/16", ports="443, 8443", ca="PEM")
    assert upstream == Upstream(
        (Block("10.1.0.0/16"), Block("192.168.0.0/16")), "", (443, 8443), "PEM"
    )
    allowed = Networks.read(upstream.addresses)
    assert allowed.hold(ipaddress.ip_address("10.1.2.3"))
    assert not allowed.hold(ipaddress.ip_address("10.2.2.3"))


def test_a_part_of_a_wider_network_is_left_out() -> None:
    upstream = Upstream.of(cidrs="192.0.0.0/8")
    assert upstream
    assert upstream.blocks == (Block("192.0.0.0/8", ("192.0.0.0/24", "192.168.0.0/16")),)


def test_a_namespace_s_pods_are_the_network_s_business() -> None:
    upstream = Upstream.of(namespace="files", ports="8080")
    assert upstream
    allowed = Networks.read(upstream.addresses)
    assert allowed.hold(ipaddress.ip_address("10.244.0.7"))
    never = ["127.0.0.1", "169.254.169.254", "::1", "fe80::1", "0.0.0.0"]
    assert [text for text in never if allowed.hold(ipaddress.ip_address(text))] == []


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"cidrs": "github.com"}, "FUNKHAUS_SOURCE_CIDRS"),
        ({"cidrs": "10.0.0.1/8"}, "FUNKHAUS_SOURCE_CIDRS"),
        ({"namespace": "Files"}, "FUNKHAUS_SOURCE_NAMESPACE"),
        ({"cidrs": "0.0.0.0/0", "ports": "https"}, "FUNKHAUS_SOURCE_PORTS"),
        ({"cidrs": "0.0.0.0/0", "ports": "0"}, "FUNKHAUS_SOURCE_PORTS"),
        ({"cidrs": "0.0.0.0/0", "ports": "65536"}, "FUNKHAUS_SOURCE_PORTS"),
    ],
)
def test_settings_that_can_t_be(given: dict[str, str], path: str) -> None:
    with pytest.raises(InvalidError) as caught:
        Upstream.of(**given)
    assert [finding.path for finding in caught.value.findings] == [path]
