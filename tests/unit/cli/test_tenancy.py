"""Tenants, namespaces, tokens, runtimes, and who one is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx

from .conftest import answers
from .fake_answers import NOW
from .fake_credentials import token
from .fake_tenants import namespace, tenant

if TYPE_CHECKING:
    from .conftest import Terminal
    from .fake_api import FakeApi


def test_tenants(funkhaus: Terminal, api: FakeApi) -> None:
    ran = funkhaus("tenant", "create", "acme", "--plan", "medium", "--display-name", "Acme AG")
    assert ran.out == "Created tenant acme with plan medium.\n"
    assert api.tenants["acme"] == tenant("acme", plan="medium", displayName="Acme AG")
    assert funkhaus("tenant", "list").out.splitlines()[1].split() == [
        "acme",
        "medium",
        "active",
        "Acme",
        "AG",
    ]
    assert funkhaus("tenant", "list", "-o", "name").out == "acme\n"
    assert json.loads(funkhaus("tenant", "get", "acme", "-o", "json").out)["plan"] == "medium"
    assert funkhaus("tenant", "get", "ghost").code == 3


def test_tenants_come_page_by_page(funkhaus: Terminal, api: FakeApi) -> None:
    def page(request: httpx.Request) -> httpx.Response:
        after = int(request.url.params.get("continue", "0"))
        return httpx.Response(
            200, json={"items": [tenant(f"t{after}")], "next": str(after + 1) if after < 2 else ""}
        )

    api.scripts["listTenants"] = page
    assert funkhaus("tenant", "list", "-o", "name").out == "t0\nt1\nt2\n"


def test_a_namespace_is_waited_for(funkhaus: Terminal, api: FakeApi) -> None:
    api.scripts["getNamespace"] = lambda _: httpx.Response(
        200, json=namespace("shop", ready=funkhaus.seconds > 1)
    )
    ran = funkhaus("namespace", "create", "shop")
    assert (ran.code, ran.out) == (0, "Created namespace shop of tenant demo (demo--shop).\n")
    assert funkhaus.seconds > 1


def test_a_cluster_that_does_not_follow(funkhaus: Terminal, api: FakeApi) -> None:
    api.scripts["getNamespace"] = answers(200, json=namespace("shop", ready=False))
    ran = funkhaus("namespace", "create", "shop", "--wait-timeout", "3")
    assert ran.code == 6
    assert "is the controller up?" in ran.err
    assert funkhaus("ns", "create", "shop2", "--no-wait").code == 0


def test_namespaces(funkhaus: Terminal, api: FakeApi) -> None:
    api.namespaces["shop"] = namespace("shop")
    assert funkhaus("namespace", "list").out.splitlines()[1].split() == [
        "shop", "yes", "max", "20", "max", "50", "max", "10", "max", "10Gi",
    ]  # fmt: skip
    assert funkhaus("namespace", "get", "shop", "-o", "name").out == "shop\n"
    assert funkhaus("namespace", "get", "ghost").code == 3


def test_a_namespace_is_adopted_by_its_name_in_the_cluster(
    funkhaus: Terminal, api: FakeApi
) -> None:
    ran = funkhaus("namespace", "adopt", "demo--shop")
    assert ran.out == "Adopted demo--shop as namespace shop of tenant demo; the cluster follows.\n"
    assert "shop" in api.namespaces
    for name in ("kube-system", "acme--shop", "demo--"):
        ran = funkhaus("namespace", "adopt", name)
        assert (ran.code, "demo--<name> passes" in ran.err) == (2, True)


def test_deleting_a_namespace_asks_first(funkhaus: Terminal, api: FakeApi) -> None:
    api.namespaces["shop"] = namespace("shop")
    ran = funkhaus("namespace", "delete", "shop")
    assert ran.code == 2
    assert "--yes" in ran.err
    assert "shop" in api.namespaces
    assert funkhaus("namespace", "delete", "shop", "--yes").code == 0
    assert api.namespaces == {}


def test_a_token_is_all_there_is_on_standard_output(funkhaus: Terminal, api: FakeApi) -> None:
    for flags in ((), ("-o", "name")):
        ran = funkhaus(
            "token", "create", "ci", "--role", "viewer", "--expires-in-days", "7", *flags
        )
        assert (ran.code, ran.out) == (0, "fh_usr_secret\n")
    assert [body for *_, body in api.asked("POST")] == [
        {"name": "ci", "role": "viewer", "expiresInDays": 7}
    ] * 2
    document = json.loads(funkhaus("token", "create", "ci", "-o", "json").out)
    assert (document["token"], document["id"], document["role"]) == (
        "fh_usr_secret",
        "tk1",
        "developer",
    )


def test_tokens_show_their_state_and_never_their_text(funkhaus: Terminal, api: FakeApi) -> None:
    api.tokens = {
        "a": token("a", "ci", "developer"),
        "b": token("b", "old", "viewer", expiresAt=NOW),
        "c": token("c", "lost", "owner", revokedAt=NOW),
    }
    rows = [line.split() for line in funkhaus("token", "list").out.splitlines()[1:]]
    assert [row[3] for row in rows] == ["valid", "expired", "revoked"]
    assert rows[0][4] == "…wxyz"
    assert funkhaus("token", "revoke", "a").out.startswith("Revoked token a of tenant demo")
    assert api.tokens["a"]["revokedAt"] == NOW
    assert funkhaus("token", "revoke", "ghost").code == 3


def test_whoami(funkhaus: Terminal) -> None:
    out = funkhaus("whoami").out
    assert "ada (7d1c) at https://api.example.com" in out
    assert "owner of demo" in out
    assert funkhaus("whoami", "-o", "name").out == "ada\n"


def test_runtimes(funkhaus: Terminal) -> None:
    assert funkhaus("runtime", "list").out.splitlines()[1].split() == [
        "python3.11", "active", ".py", "requirements.txt",
    ]  # fmt: skip
    assert "sha256:" in funkhaus("runtime", "ls", "-o", "wide").out


def test_the_only_tenant_is_meant(funkhaus: Terminal, api: FakeApi) -> None:
    assert "demo/default" in funkhaus("function", "list").err
    assert "acme/default" in funkhaus("function", "list", "--tenant", "acme").err
    assert "acme/default" in funkhaus("function", "list", env={"FUNKHAUS_TENANT": "acme"}).err
    api.roles = {"demo": "owner", "acme": "viewer"}
    ran = funkhaus("function", "list")
    assert ran.code == 2
    assert "no tenant named: yours are acme, demo" in ran.err
    assert "FUNKHAUS_TENANT" in ran.err
    api.roles = {}
    assert "a role in none" in funkhaus("function", "list").err


def test_version_without_a_server_or_a_token(funkhaus: Terminal, api: FakeApi) -> None:
    api.scripts["healthz"] = answers(200, text="ok")
    assert "https://api.example.com answers" in funkhaus("version", env={"FUNKHAUS_TOKEN": ""}).out

    def refused(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    funkhaus.network = refused
    ran = funkhaus("version")
    assert ran.code == 0
    assert "does not answer" in ran.out
    assert funkhaus("--version").out.startswith("funkhaus ")
