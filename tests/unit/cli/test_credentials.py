"""Restricted tokens, rotation, a token's own end, service accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .fake_credentials import session, token

if TYPE_CHECKING:
    from .conftest import Terminal
    from .fake_api import FakeApi


def test_a_restricted_token(funkhaus: Terminal, api: FakeApi) -> None:
    ran = funkhaus(
        "token", "create", "ci", "--scope", "functions:write", "--scope", "trigger:read",
        "--for-namespace", "shop", "--cidr", "192.0.2.0/24", "--service-account", "ci",
    )  # fmt: skip
    assert (ran.code, ran.out) == (0, "fh_usr_secret\n")
    ((_, _, body),) = api.asked("POST")
    assert body == {
        "name": "ci",
        "scopes": ["functions:write", "trigger:read"],
        "namespaces": ["shop"],
        "cidrs": ["192.0.2.0/24"],
        "serviceAccount": "ci",
    }
    assert (
        "functions:write trigger:read shop 192.0.2.0/24"
        in funkhaus("token", "ls", "-o", "wide").out
    )


def test_rotation_prints_the_new_text_alone(funkhaus: Terminal, api: FakeApi) -> None:
    api.tokens["a"] = token("a", "ci", "developer")
    ran = funkhaus("token", "rotate", "a", "--grace", "5m", "--expires-in-days", "9")
    assert (ran.code, ran.out) == (0, "fh_usr_another\n")
    assert "the only time" in ran.err
    assert funkhaus("token", "rotate", "--self").out == "fh_usr_mine\n"
    assert list(api.asked("POST")) == [
        ("POST", "/v1/tenants/demo/tokens/a/rotate", {"graceSeconds": 300, "expiresInDays": 9}),
        ("POST", "/v1/me/token/rotate", {}),
    ]


@pytest.mark.parametrize("verb", ["rotate", "revoke"])
def test_which_token_is_said_once(funkhaus: Terminal, api: FakeApi, verb: str) -> None:
    assert funkhaus("token", verb).code == 2
    assert funkhaus("token", verb, "a", "--self").code == 2
    assert not list(api.asked())


def test_a_token_revokes_itself(funkhaus: Terminal, api: FakeApi) -> None:
    assert funkhaus("token", "revoke", "--self").out.startswith("Revoked the token you came with")
    assert list(api.asked("DELETE")) == [("DELETE", "/v1/me/token", None)]


def test_service_accounts(funkhaus: Terminal, api: FakeApi) -> None:
    ran = funkhaus("serviceaccount", "create", "ci")
    assert ran.out == "Made service account ci (developer) of tenant demo.\n"
    assert funkhaus("sa", "list").out.splitlines()[1].split()[:2] == ["ci", "developer"]
    assert funkhaus("serviceaccount", "delete", "ci").code == 2
    assert funkhaus("serviceaccount", "delete", "ci", "--yes").code == 0
    assert api.accounts == {}
    assert "No service accounts" in funkhaus("serviceaccount", "list").err


def test_admins_tokens_are_listed_and_revoked(funkhaus: Terminal) -> None:
    row = funkhaus("admin-token", "list").out.splitlines()[1].split()
    assert row[:4] == ["ta1", "root", "valid", "…wxyz"]
    ran = funkhaus("admin-token", "revoke", "ta1")
    assert (ran.code, ran.out) == (
        0, "Revoked token ta1 of a platform admin; kubectl forgets it within 10 s.\n",
    )  # fmt: skip


def test_sessions_are_listed_and_ended(funkhaus: Terminal, api: FakeApi) -> None:
    assert funkhaus("session", "list").err == "No sessions: this command came with a token.\n"
    api.sessions = {
        "s1": session("s1", current=True, client=""),
        "s2": session("s2", client="\x1b[31mFirefox"),
        "s3": session("s3", lastUsedAt=None),
        "s4": session("s4"),
    }
    assert [line.split() for line in funkhaus("session", "list").out.splitlines()] == [
        ["ID", "CLIENT", "THIS", "ONE", "USED", "AGE", "ENDS"],
        ["s1", "-", "yes", "5m", "2h", "in", "10h"],
        ["s2", "[31mFirefox", "-", "5m", "2h", "in", "10h"],
        ["s3", "funkhaus-cli/1.0", "-", "-", "2h", "in", "10h"],
        ["s4", "funkhaus-cli/1.0", "-", "5m", "2h", "in", "10h"],
    ]
    assert funkhaus("sessions", "ls", "-o", "name").out == "s1\ns2\ns3\ns4\n"
    ran = funkhaus("session", "end", "s2")
    assert ran.out == "Ended session s2; kubectl forgets what it got from it within 10 s.\n"
    ran = funkhaus("session", "end", "--all-others")
    assert ran.out == "Ended 2 other sessions; kubectl forgets what it got from them within 10 s.\n"
    assert list(api.sessions) == ["s1"]
    for wrong in ((), ("s1", "--all-others")):
        assert funkhaus("session", "end", *wrong).code == 2
    assert list(api.sessions) == ["s1"]
