"""What names a build, and what an installation may say about its index."""

from __future__ import annotations

import pytest

from funkhaus.domain import build
from funkhaus.domain.build import Index
from funkhaus.domain.errors import InvalidError

URL = "https://packages.example.com/simple/"


def test_the_key_is_of_all_that_decides() -> None:
    key = build.key("r@sha256:1", URL, "x==1\n")
    assert key == build.key("r@sha256:1", URL, "x==1\n")
    others = {
        build.key("r@sha256:2", URL, "x==1\n"),
        build.key("r@sha256:1", "https://other/", "x==1\n"),
        build.key("r@sha256:1", URL, "x==2\n"),
    }
    assert len(others | {key}) == 4


def test_an_index() -> None:
    assert Index.of("") is None
    assert Index.of(URL, cidrs="192.0.2.0/24, 2001:db8::/32") == Index(
        URL, 443, ("192.0.2.0/24", "2001:db8::/32")
    )
    inside = Index.of("http://index.packages:8080/simple/", namespace="packages")
    assert inside == Index("http://index.packages:8080/simple/", 8080, (), "packages")
    plain = Index.of("http://index/", namespace="packages")
    assert plain is not None
    assert plain.port == 80


@pytest.mark.parametrize(
    ("url", "more", "path"),
    [
        ("ftp://x/", {"cidrs": "192.0.2.0/24"}, "FUNKHAUS_BUILD_INDEX_URL"),
        ("https:///simple", {"cidrs": "192.0.2.0/24"}, "FUNKHAUS_BUILD_INDEX_URL"),
        ("https://x:99999/", {"cidrs": "192.0.2.0/24"}, "FUNKHAUS_BUILD_INDEX_URL"),
        ("https://user:word@x/", {"cidrs": "192.0.2.0/24"}, "FUNKHAUS_BUILD_INDEX_URL"),
        (URL, {}, "FUNKHAUS_BUILD_INDEX_CIDRS"),
        (URL, {"cidrs": "192.0.2.1/24"}, "FUNKHAUS_BUILD_INDEX_CIDRS"),
        (URL, {"cidrs": "packages.example.com"}, "FUNKHAUS_BUILD_INDEX_CIDRS"),
        (URL, {"namespace": "Index"}, "FUNKHAUS_BUILD_INDEX_NAMESPACE"),
    ],
)
def test_an_index_that_can_t_be(url: str, more: dict[str, str], path: str) -> None:
    with pytest.raises(InvalidError) as caught:
        Index.of(url, **more)
    assert [finding.path for finding in caught.value.findings] == [path]
