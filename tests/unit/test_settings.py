from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from funkhaus.domain.errors import InvalidError
from funkhaus.domain.gateway import Gateway
from funkhaus.settings import Api, Controller, Webhook, load

if TYPE_CHECKING:
    from pathlib import Path

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


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "pepper").write_text("q" * 32 + "\n")
    environ = {"FUNKHAUS_DATABASE_URL": "x", "FUNKHAUS_TOKEN_PEPPER_FILE": str(tmp_path / "pepper")}
    assert load(Api, environ).token_pepper == "q" * 32


@pytest.mark.parametrize("more", [{}, {"FUNKHAUS_TOKEN_PEPPER": "p" * 32}])
def test_a_file_that_is_not_there_or_one_too_many_is_named(more: dict[str, str]) -> None:
    environ = {"FUNKHAUS_DATABASE_URL": "x", "FUNKHAUS_TOKEN_PEPPER_FILE": "/nowhere"} | more
    with pytest.raises(InvalidError) as caught:
        load(Api, environ)
    assert caught.value.findings[0].path == "FUNKHAUS_TOKEN_PEPPER_FILE"


def test_how_kubectl_gets_in_is_one_of_two_ways() -> None:
    assert load(Api, NEEDED).members_namespace == ""
    other = NEEDED | {"FUNKHAUS_KUBECTL": "token-request", "FUNKHAUS_SYSTEM_NAMESPACE": "house"}
    assert load(Api, other).members_namespace == "house-members"
    with pytest.raises(InvalidError, match="webhook or token-request passes") as caught:
        _ = load(Api, NEEDED | {"FUNKHAUS_KUBECTL": "magic"}).members_namespace
    assert caught.value.findings[0].path == "FUNKHAUS_KUBECTL"


def test_a_gateway_is_named_with_its_namespace() -> None:
    assert load(Api, NEEDED).route_gateway is None
    found = load(Api, NEEDED | {"FUNKHAUS_GATEWAY": "edge/public.example"}).route_gateway
    assert found == Gateway("edge", "public.example")
    for text in ("public", "edge/", "/public", "a/b/c", "Edge/public", "edge/pub lic"):
        with pytest.raises(InvalidError, match="<namespace>/<name> passes") as caught:
            _ = load(Api, NEEDED | {"FUNKHAUS_GATEWAY": text}).route_gateway
        assert caught.value.findings[0].path == "FUNKHAUS_GATEWAY"


def test_a_setting_that_is_a_path_is_known_to_every_process() -> None:
    environ = {
        "FUNKHAUS_DATABASE_URL": "postgresql+asyncpg://u:p@db/f",
        "FUNKHAUS_TOKEN_PEPPER": "p" * 32,
        "FUNKHAUS_WEBHOOK_CLIENT_CA_FILE": "/pki/ca.crt",
    }
    assert load(Webhook, environ).webhook_client_ca_file == "/pki/ca.crt"
    assert load(Api, environ)
