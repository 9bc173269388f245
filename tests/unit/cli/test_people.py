"""Members, invitations and platform roles: what a person types and sees, what a program gets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .conftest import answers
from .fake_answers import Refusal
from .fake_api import finding
from .fake_credentials import token
from .fake_people import invitation, member, user

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Terminal
    from .fake_api import FakeApi


@pytest.fixture
def house(api: FakeApi) -> FakeApi:
    api.members = {
        "u1": member("u1", "ada@example.com", "Ada", "owner"),
        "u2": member("u2", "cem@example.com", "Cem"),
        "u3": member("u3", "", "Eve", "viewer"),
    }
    return api


@pytest.mark.usefixtures("house")
def test_members_as_a_table_and_for_programs(funkhaus: Terminal) -> None:
    assert [line.split() for line in funkhaus("member", "list").out.splitlines()] == [
        ["USER", "ADDRESS", "NAME", "ROLE", "SOURCE", "SINCE"],
        ["u1", "ada@example.com", "Ada", "owner", "direct", "24h"],
        ["u2", "cem@example.com", "Cem", "developer", "direct", "24h"],
        ["u3", "-", "Eve", "viewer", "direct", "24h"],
    ]
    assert funkhaus("members", "ls", "-o", "name").out == "u1\nu2\nu3\n"
    (first, *_) = json.loads(funkhaus("member", "list", "-o", "json").out)["items"]
    assert first["role"] == "owner"


def test_who_is_here_by_a_group_is_shown_and_not_removed(
    funkhaus: Terminal, house: FakeApi
) -> None:
    by_group = {"source": "group", "group": "team-blue", "until": "2026-03-01T20:00:00Z"}
    house.members["u5"] = member("u5", "dev@example.com", "Dev") | by_group
    house.rules = [{"issuer": "https://idp.example", "group": "team-blue", "role": "developer"}]
    ran = funkhaus("member", "list")
    assert ran.out.splitlines()[-1].split() == [
        "u5", "dev@example.com", "Dev", "developer", "group", "team-blue", "24h",
    ]  # fmt: skip
    assert ran.err == "Whoever signs in with group team-blue at https://idp.example is developer.\n"
    assert funkhaus("member", "list", "-o", "name").err == ""
    ran = funkhaus("member", "remove", "dev@example.com", "--yes")
    assert (ran.code, "by group team-blue" in " ".join(ran.err.split())) == (1, True)
    assert not list(house.asked("DELETE"))


@pytest.mark.parametrize("who", ["u2", "cem@example.com", "Cem@Example.com"])
def test_a_role_by_id_or_by_a_members_address(funkhaus: Terminal, house: FakeApi, who: str) -> None:
    ran = funkhaus("member", "set", who, "--role", "viewer")
    assert (ran.code, ran.out) == (0, "Cem is viewer of tenant demo.\n")
    assert house.members["u2"]["role"] == "viewer"


def test_an_address_of_nobodys_here_is_told_how_to_come(funkhaus: Terminal, house: FakeApi) -> None:
    ran = funkhaus("member", "set", "bob@example.com", "--role", "viewer")
    assert ran.code == 3
    assert "funkhaus invitation create --email bob@example.com" in ran.err
    assert not list(house.asked("POST"))


def test_an_address_of_two_names_neither(funkhaus: Terminal, house: FakeApi) -> None:
    house.members["u4"] = member("u4", "cem@example.com", "Cem elsewhere")
    ran = funkhaus("member", "remove", "cem@example.com", "--yes")
    assert (ran.code, "name an id" in ran.err) == (2, True)
    assert len(house.members) == 4


def test_removing_asks_first(funkhaus: Terminal, house: FakeApi) -> None:
    assert funkhaus("member", "remove", "u2").code == 2
    ran = funkhaus("member", "rm", "cem@example.com", "--yes")
    assert (ran.code, ran.out) == (0, "Removed cem@example.com from tenant demo.\n")
    assert list(house.members) == ["u1", "u3"]


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (("remove", "u2", "--yes"), True),
        (("remove", "u2", "--yes", "--keep-tokens"), True),
        (("remove", "u2", "--yes", "--revoke-tokens"), False),
        (("set", "u2", "--role", "viewer"), True),
        (("set", "u2", "--role", "viewer", "--revoke-tokens"), False),
    ],
)
def test_what_somebody_leaves_is_said_and_revoked_on_request(
    funkhaus: Terminal, house: FakeApi, words: tuple[str, ...], *, kept: bool
) -> None:
    house.left_invitations, house.left_tokens = 2, [token("t1", "ci", "developer")]
    ran = funkhaus("member", *words)
    assert (ran.code, len(ran.out.splitlines())) == (0, 1)
    assert "Open invitations of theirs that are revoked: 2." in ran.err
    assert ("Still valid are tokens they issued" in ran.err) == kept
    assert ("Tokens they issued that are revoked: ci (t1)." in ran.err) != kept


def test_inviting_shows_a_secret_once_and_nothing_beside_it(
    funkhaus: Terminal, api: FakeApi
) -> None:
    words = ("invitation", "create", "--email", "cem@example.com", "--expires-in-days", "2")
    ran = funkhaus(*words)
    assert ran.out == "fh_inv_secret\n"
    assert "developer of demo, for cem@example.com" in ran.err
    assert next(api.asked("POST"))[2] == {
        "email": "cem@example.com", "role": "developer", "expiresInDays": 2,
    }  # fmt: skip
    assert "whoever has its secret" in funkhaus("invitation", "create").err
    assert funkhaus("invitation", "create", "-o", "name").out == "in1\n"
    assert json.loads(funkhaus("invitation", "create", "-o", "json").out)["id"] == "in1"


def test_invitations_of_the_tenant_and_ones_own(funkhaus: Terminal, api: FakeApi) -> None:
    api.invitations = {
        "in1": invitation(),
        "in2": invitation("in2", email="", role="viewer", state="expired"),
    }
    assert [line.split() for line in funkhaus("invitation", "list").out.splitlines()] == [
        ["ID", "ADDRESS", "ROLE", "STATE", "AGE", "ENDS"],
        ["in1", "cem@example.com", "developer", "open", "0s", "in", "7d"],
        ["in2", "-", "viewer", "expired", "0s", "in", "7d"],
    ]
    api.roles = {}  # a stranger, who has no tenant to name
    own = [line.split() for line in funkhaus("invitation", "list", "--mine").out.splitlines()]
    assert own[1][:4] == ["in1", "demo", "cem@example.com", "developer"]
    api.invitations = {}
    assert funkhaus("invitation", "list", "--mine").err == "No open invitations to you.\n"


def test_revoking(funkhaus: Terminal, api: FakeApi) -> None:
    api.invitations = {"in1": invitation()}
    ran = funkhaus("invitation", "revoke", "in1")
    assert ran.out == "Invitation in1 of tenant demo is revoked.\n"


def test_taking_one_by_id_by_file_and_by_pipe(
    funkhaus: Terminal, api: FakeApi, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("fh_inv_secret\n")
    for words, body in (
        (("in1",), {"id": "in1"}),
        (("--secret-file", str(secret)), {"secret": "fh_inv_secret"}),
        (("--secret-file", "-"), {"secret": "fh_inv_piped"}),
    ):
        ran = funkhaus("invitation", "accept", *words, stdin="fh_inv_piped\n")
        assert (ran.code, ran.out) == (0, "You are developer of tenant demo.\n")
        assert json.loads(api.requests[-1].content) == body
    for wrong in ((), ("in1", "--secret-file", str(secret))):
        assert funkhaus("invitation", "accept", *wrong).code == 2


def test_platform_roles(funkhaus: Terminal, api: FakeApi) -> None:
    assert funkhaus("grant", "list").err == "No grants.\n"
    assert (
        funkhaus("grant", "create", "u2", "--role", "approver").out == "Granted approver to u2.\n"
    )
    assert funkhaus("grant", "list", "-o", "name").out == "u2/approver\n"
    assert [line.split() for line in funkhaus("grant", "list").out.splitlines()][1] == [
        "u2", "-", "-", "approver",
    ]  # fmt: skip
    assert funkhaus("grant", "delete", "u2", "--role", "approver").code == 2
    ran = funkhaus("grant", "delete", "u2", "--role", "approver", "--yes")
    assert ran.out == "Withdrew approver from u2.\n"
    assert api.grants == []


def test_a_platform_role_goes_to_the_one_who_has_an_address(
    funkhaus: Terminal, api: FakeApi
) -> None:
    api.users = {"u2": user("u2", "cem@example.com"), "u3": user("u3", "cem@example.com.evil")}
    ran = funkhaus("grant", "create", "Cem@example.com", "--role", "admin")
    assert (ran.code, ran.out) == (0, "Granted admin to Cem@example.com (u2).\n")
    assert api.grants[0]["user"] == "u2"
    ran = funkhaus("grant", "delete", "cem@example.com", "--role", "admin", "--yes")
    assert (ran.out, api.grants) == ("Withdrew admin from cem@example.com (u2).\n", [])


@pytest.mark.parametrize(
    "words",
    [
        ("grant", "create", "cem@example.com", "--role", "admin"),
        ("grant", "delete", "cem@example.com", "--role", "admin", "--yes"),
        ("user", "disable", "cem@example.com", "--reason", "x"),
        ("user", "enable", "cem@example.com"),
        ("user", "show", "cem@example.com"),
    ],
)
def test_an_address_of_two_or_of_nobody_names_no_user(
    funkhaus: Terminal, api: FakeApi, words: tuple[str, ...]
) -> None:
    ran = funkhaus(*words)
    assert (ran.code, "nobody who has signed in has the address" in ran.err) == (3, True)
    api.users = {
        "u2": user("u2", "cem@example.com"),
        "u3": user("u3", "cem@example.com", issuer="https://other.example"),
    }
    ran = funkhaus(*words)
    assert ran.code == 2
    said = " ".join(ran.err.split())
    assert "u2 (at https://idp.example), u3 (at https://other.example)" in said
    assert {request.method for request in api.requests} == {"GET"}


@pytest.mark.usefixtures("house")
def test_the_apis_refusals_come_through(funkhaus: Terminal, api: FakeApi) -> None:
    document = {
        "type": "/problems/conflict", "title": "That is in conflict with what there is.", "status": 409,
        "detail": "this is the last owner, and a tenant keeps one: make somebody else an owner first",
        "code": "conflict", "requestId": "r-1",
        "findings": [{"code": "last-owner", "outcome": "deny", "message": "this is the last owner", "path": "user"}],
    }  # fmt: skip
    api.scripts["removeMember"] = answers(
        409, content=json.dumps(document), headers={"Content-Type": "application/problem+json"}
    )
    ran = funkhaus("member", "remove", "u1", "--yes")
    assert (ran.code, "last owner" in ran.err) == (1, True)


def test_a_refusal_is_said_once(funkhaus: Terminal, api: FakeApi) -> None:
    """The API's sentence is that of its findings, with the place before it or without."""
    said = "plan 'large' is not for self-service, small is"
    found = finding(message=said, path="plan", passes="small")
    for detail in (said, f"plan: {said}"):
        refusal = Refusal(403, "policy-denied", detail, [found])
        answer = {"content": json.dumps(refusal.document)}
        headers = {"Content-Type": "application/problem+json"}
        api.scripts["createTenant"] = answers(403, headers=headers, **answer)
        ran = funkhaus("tenant", "create", "bobs", "--plan", "large")
        assert ran.err.splitlines() == [
            "Error: The house rules refuse this",
            f"  plan: {said}",
            "    passes: small",
        ]


def test_a_user_is_disabled_for_a_reason(funkhaus: Terminal, api: FakeApi) -> None:
    assert "--reason" in funkhaus("user", "disable", "u1").err
    ran = funkhaus("user", "disable", "u1", "--reason", "left the company")
    assert (ran.code, ran.out) == (0, "Disabled user eve@example.com (u1).\n")
    assert list(api.asked("PUT")) == [
        ("PUT", "/v1/users/u1/suspension", {"reason": "left the company"})
    ]
    assert funkhaus("user", "enable", "u1").out == "Enabled user eve@example.com (u1).\n"


def test_a_user_is_disabled_by_address(funkhaus: Terminal, api: FakeApi) -> None:
    api.users = {"u7": user("u7")}
    ran = funkhaus("user", "disable", "eve@example.com", "--reason", "left")
    assert (ran.code, ran.out) == (0, "Disabled user eve@example.com (u7).\n")
    assert next(api.asked("PUT"))[1] == "/v1/users/u7/suspension"
    assert funkhaus("user", "enable", "eve@example.com", "-o", "name").out == "u7\n"


def test_users_are_listed_and_shown(funkhaus: Terminal, api: FakeApi) -> None:
    assert funkhaus("user", "list").err == "Nobody has signed in yet.\n"
    word = {"since": "2026-03-01T11:30:00Z", "reason": "left", "by": "ada"}
    api.users = {
        "u1": user("u1", "ada@example.com", displayName="Ada"),
        "u2": user("u2", "", sub="x", disabled=word),
    }
    assert [line.split() for line in funkhaus("users", "ls").out.splitlines()] == [
        ["ID", "ADDRESS", "NAME", "STATE", "LAST", "SIGN-IN"],
        ["u1", "ada@example.com", "Ada", "active", "60m"],
        ["u2", "-", "-", "disabled", "60m"],
    ]
    assert funkhaus("user", "list", "--email", "ada", "-o", "name").out == "u1\n"
    ran = funkhaus("user", "list", "--email", "b")
    assert ran.err == "Nobody whose address begins with b has signed in.\n"
    shown = funkhaus("user", "show", "u2").out
    assert "Roles:    auditor, owner of demo\n" in shown
    assert "Disabled: 2026-03-01T11:30:00Z by ada: left\n" in shown
    assert funkhaus("user", "show", "ada@example.com", "-o", "name").out == "u1\n"
