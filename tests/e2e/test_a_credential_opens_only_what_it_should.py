"""Tokens that are expired, revoked, mangled, or none at all: one answer each, at both doors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .house import eventually

if TYPE_CHECKING:
    from .house import House, Tenant

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize(
    "token", ["", "nonsense", "fh_usr_" + "0" * 33, "fh_adm_" + "A" * 33, "Bearer x", "x" * 4000]
)
def test_a_mangled_token_opens_nothing(house: House, token: str) -> None:
    answer = house.rest(token, "GET", "/v1/me")
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthenticated"
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_one_changed_character_closes_the_door(house: House, tenant: Tenant) -> None:
    changed = tenant.token[:-1] + ("0" if tenant.token[-1] != "0" else "1")
    assert house.rest(changed, "GET", "/v1/me").status_code == 401


def test_b71_a_revoked_token_is_dead_everywhere_within_the_stated_time(
    house: House, tenant: Tenant
) -> None:
    issued = tenant.cli(
        "token", "create", "short", "--tenant", tenant.id, "--role", "developer", "-o", "json"
    )
    assert issued.code == 0, issued.err
    import json

    document = json.loads(issued.out)
    token, token_id = document["token"], document["id"]
    assert house.rest(token, "GET", "/v1/me").status_code == 200
    assert house.kubectl("get", "fn", "-n", tenant.cluster_namespace, token=token).code == 0
    revoked = tenant.cli("token", "revoke", token_id, "--tenant", tenant.id)
    assert revoked.code == 0, revoked.err
    assert house.rest(token, "GET", "/v1/me").status_code == 401
    eventually(
        "kubectl's refusal",
        lambda: house.kubectl("get", "fn", "-n", tenant.cluster_namespace, token=token).code != 0,
        seconds=30,
    )


def test_kubectl_without_a_known_token_is_nobody(house: House) -> None:
    ran = house.kubectl("get", "fn", "-A", token="fh_usr_" + "0" * 33)
    assert ran.code != 0
    assert "Unauthorized" in ran.err or "logged in" in ran.err
