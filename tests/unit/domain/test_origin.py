"""Addresses have one reading, and what nobody could read alike is none."""

from __future__ import annotations

import pytest

from funkhaus.domain import origin
from funkhaus.domain.origin import origin_of


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (origin.EXAMPLE, "https://files.example.com"),
        ("http://files.example.com:8080/a?token=1", "http://files.example.com:8080"),
        ("https://1.2.3.4/", "https://1.2.3.4"),
        ("https://files.example.com/" + "a" * (origin.URL_LIMIT - 26), "https://files.example.com"),
    ],
)
def test_what_an_address_is_asked_of(url: str, expected: str) -> None:
    assert origin_of(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "", "files.example.com/a", "ftp://files.example.com/a", "HTTPS://files.example.com/a", "https://Files.example.com/a",
        "https://files.example.com", "https://user:word@files.example.com/a", "https://a@b/", "https://files.example.com/a#b",
        "https://files.example.com:0/a", "https://files.example.com:080/a", "https://[::1]/a", "https://a\\@b/", "https:///a",
        "https://files.example.com/a b", "https://files.example.com/a\n", "https://.a/", "https://é.example.com/a",
        "https://files.example.com/" + "a" * (origin.URL_LIMIT - 25),
    ],
)  # fmt: skip
def test_what_is_no_address(url: str) -> None:
    assert origin_of(url) == ""


def test_what_may_be_a_secret_is_not_shown() -> None:
    assert (
        origin.shown("https://files.example.com/a.zip?sig=5ec2e7")
        == "https://files.example.com/a.zip?…"
    )
    assert origin.shown(origin.EXAMPLE) == origin.EXAMPLE
