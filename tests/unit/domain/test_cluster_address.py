from __future__ import annotations

import pytest

from funkhaus.domain.cluster_address import ClusterAddress
from funkhaus.domain.errors import InvalidError

ONE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
KEY = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----"


def test_only_certificates_are_kept() -> None:
    address = ClusterAddress.of("https://k:6443/", f"# ours\n{ONE}\n{KEY}\n{ONE}\n")
    assert address == ClusterAddress("https://k:6443", f"{ONE}\n{ONE}\n")


def test_none_is_the_callers_own() -> None:
    assert ClusterAddress.of("https://k.example.com/clusters/one", " \n").ca == ""


@pytest.mark.parametrize(
    ("server", "pem", "path"),
    [
        ("http://k", ONE, "FUNKHAUS_CLUSTER_SERVER"),
        ("", ONE, "FUNKHAUS_CLUSTER_SERVER"),
        ("k:6443", "", "FUNKHAUS_CLUSTER_SERVER"),
        ("https://user:secret@k", "", "FUNKHAUS_CLUSTER_SERVER"),
        ("https://k\nx", "", "FUNKHAUS_CLUSTER_SERVER"),
        ("https://k", KEY, "FUNKHAUS_CLUSTER_CA_FILE"),
    ],
)
def test_what_can_not_be(server: str, pem: str, path: str) -> None:
    with pytest.raises(InvalidError) as caught:
        ClusterAddress.of(server, pem)
    assert [finding.path for finding in caught.value.findings] == [path]
