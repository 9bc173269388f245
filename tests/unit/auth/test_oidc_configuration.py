from __future__ import annotations

import json
from typing import Any

import pytest

from funkhaus.auth.oidc import parse
from funkhaus.domain.errors import InvalidError
from funkhaus.domain.group_rule import GroupRule
from funkhaus.domain.subject import PlatformRole, Role

LEAST = {"id": "work", "issuer": "https://idp.example", "clientId": "funkhaus"}


def test_none_and_the_least() -> None:
    assert parse(" ") == ()
    (work,) = parse(json.dumps([LEAST]))
    assert (work.title, work.algorithms, work.rules) == ("work", ("RS256", "ES256"), ())
    assert "s3cret" not in repr(parse(json.dumps([LEAST | {"clientSecret": "s3cret"}])))


def test_rules() -> None:
    rules = [
        {"group": "ops", "platformRole": "admin"},
        {"group": "blue", "tenant": "blue", "role": "billing"},
    ]
    (work,) = parse(json.dumps([LEAST | {"rules": rules}]))
    assert work.rules == (
        GroupRule("https://idp.example", "ops", PlatformRole.ADMIN),
        GroupRule("https://idp.example", "blue", tenant="blue", role=Role.BILLING),
    )


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"issuer": "http://idp.example"}, "issuer"),
        ({"issuer": "http://127.0.0.1@evil.example"}, "issuer"),
        ({"issuer": "https://user:pw@idp.example"}, "issuer"),
        ({"issuer": "https://idp.example/#x"}, "issuer"),
        ({"issuer": "https://idp.example/?x"}, "issuer"),
        ({"issuer": ""}, "issuer"),
        ({"id": "Not an id"}, "id"),
        ({"clientId": ""}, "clientId"),
        ({"algorithms": ["HS256"]}, "algorithms"),
        ({"algorithms": ["none"]}, "algorithms"),
        ({"algorithms": []}, "algorithms"),
        ({"scopes": ["email"]}, "scopes"),
        ({"userinfo": "yes"}, "userinfo"),
        ({"clientID": "x"}, "clientID"),
        ({"rules": [{"group": "x", "platformRole": "king"}]}, "rules[0]"),
        ({"rules": [{"group": "x", "tenant": "blue"}]}, "rules[0]"),
        ({"rules": [{"group": "", "platformRole": "admin"}]}, "rules[0]"),
        ({"rules": ["x"]}, "rules[0]"),
    ],
)
def test_what_can_not_be_is_named(change: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidError) as caught:
        parse(json.dumps([LEAST | change]))
    assert [item.path for item in caught.value.findings] == [f"FUNKHAUS_OIDC[0].{path}"]


@pytest.mark.parametrize("text", ["{", "{}", '["x"]', "7", json.dumps([LEAST] * 21)])
def test_what_is_no_list_of_providers(text: str) -> None:
    with pytest.raises(InvalidError):
        parse(text)


def test_two_of_one_name_or_issuer() -> None:
    with pytest.raises(InvalidError, match="there twice"):
        parse(json.dumps([LEAST, LEAST | {"id": "other"}]))
    with pytest.raises(InvalidError, match="there twice"):
        parse(json.dumps([LEAST, LEAST | {"issuer": "https://other.example"}]))
