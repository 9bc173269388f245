from __future__ import annotations

import pytest

from funkhaus.domain.errors import InvalidError
from funkhaus.settings import Api, Controller, Webhook, load

NEEDED = {"FUNKHAUS_DATABASE_URL": "postgresql+asyncpg://x/y", "FUNKHAUS_TOKEN_PEPPER": "p" * 32}


def test_what_is_set_is_read_with_its_type() -> None:
    settings = load(
        Api, NEEDED | {"FUNKHAUS_API_PORT": "99", "FUNKHAUS_REGISTRY_PLAIN_HTTP": "true"}
    )
    assert (settings.api_port, settings.registry_plain_http) == (99, True)


def test_every_wrong_variable_is_named_at_once() -> None:
    with pytest.raises(InvalidError) as caught:
        load(
            Api,
            {"FUNKHAUS_API_PROT": "1", "FUNKHAUS_API_PORT": "x", "FUNKHAUS_DATABASE_TIMEOUT": "-1"},
        )
    assert [finding.path for finding in caught.value.findings] == [
        "FUNKHAUS_API_PROT",
        "FUNKHAUS_DATABASE_URL",
        "FUNKHAUS_DATABASE_TIMEOUT",
        "FUNKHAUS_API_PORT",
        "FUNKHAUS_TOKEN_PEPPER",
    ]
    assert "FUNKHAUS_API_PORT" in caught.value.findings[0].message


def test_a_variable_of_another_process_is_no_mistake() -> None:
    environ = NEEDED | {"FUNKHAUS_OPA_URL": "http://x", "FUNKHAUS_TOKEN": "t"}
    assert load(Controller, environ).opa_url == "http://x"
    assert load(Webhook, environ).webhook_port == 8743
