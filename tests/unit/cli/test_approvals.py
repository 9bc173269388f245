"""Seeing what waits, and deciding on what was seen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .fake_api import condition, function, serving
from .fake_approvals import approval, vote

if TYPE_CHECKING:
    from .conftest import Terminal
    from .fake_api import FakeApi

WAITING = condition("Approved", "False", "PendingApproval", "cpu is a lot; it waits for an owner")


def test_what_waits(funkhaus: Terminal, api: FakeApi) -> None:
    rows = [
        line.split() for line in funkhaus("approval", "list", "--state", "pending").out.splitlines()
    ]
    assert rows[0] == ["ID", "STATE", "OBJECT", "RULES", "AGE", "ENDS"]
    assert rows[1] == [
        "ap1",
        "pending",
        "Function",
        "default/hello",
        "cpu-needs-approval",
        "0s",
        "in",
        "7d",
    ]
    assert api.requests[-1].url.params["state"] == "pending"
    assert "acme" in funkhaus("approval", "list", "--waiting").out
    assert funkhaus("approvals", "list", "-o", "name").out == "ap1\n"
    assert funkhaus("approval", "list", "--waiting", "--state", "pending").code == 2
    wide = funkhaus("approval", "list", "-o", "wide").out
    assert "2 different people of: owner of the tenant, platform approver" in wide


def test_one_of_them(funkhaus: Terminal, api: FakeApi) -> None:
    api.held = approval(votes=[vote("fh:eve", reason="fine", until="2026-12-31T00:00:00Z")])
    page = funkhaus("approval", "show", "ap1").out
    assert "Function default/hello of tenant demo" in page
    assert "2 different people of: owner of the tenant, platform approver" in page
    assert 'spec.resources.cpu: cpu "2" is above 1' in page
    assert "fh:eve, 0s ago, until 2026-12-31T00:00:00Z: fine" in page
    assert json.loads(funkhaus("approval", "show", "ap1", "-o", "json").out) == api.held


def test_a_yes_is_to_what_was_read_and_may_need_another(funkhaus: Terminal, api: FakeApi) -> None:
    ran = funkhaus("approval", "approve", "ap1", "--reason", "fine", "--until", "2026-12-31")
    assert ran.out == (
        "Noted. Function default/hello needs 1 more of: 2 different people of: owner of the tenant, platform approver.\n"
    )
    asked = api.requests[-1]
    assert asked.headers["If-Match"] == '"a1"'
    assert json.loads(asked.content) == {"reason": "fine", "until": "2026-12-31T00:00:00+00:00"}
    ran = funkhaus("approval", "approve", "ap1")
    assert ran.out == "Function default/hello of tenant demo is approved.\n"
    assert "fh:me, 0s ago" in funkhaus("approval", "show", "ap1").out


def test_a_no_has_a_reason(funkhaus: Terminal, api: FakeApi) -> None:
    assert funkhaus("approval", "reject", "ap1").code == 2
    ran = funkhaus("approval", "reject", "ap1", "--reason", "too much")
    assert ran.out == "Function default/hello of tenant demo is rejected.\n"
    assert api.requests[-1].headers["If-Match"] == '"a1"'


def test_the_same_again_is_another_approval(funkhaus: Terminal, api: FakeApi) -> None:
    api.held = approval(state="rejected", reason="too much")
    ran = funkhaus("approval", "renew", "ap1", "--reason", "the fair is near")
    assert ran.out == (
        "Function default/hello of tenant demo waits again for 2 different people of: owner of the tenant, "
        "platform approver (approval ap2).\n"
    )
    asked = api.requests[-1]
    assert asked.headers["If-Match"] == '"a1"'
    assert json.loads(asked.content) == {"reason": "the fair is near"}
    assert funkhaus("approval", "renew", "ap1", "-o", "name").out.strip().endswith("ap2")


def test_waiting_for_what_somebody_has_to_approve_ends_at_once(
    funkhaus: Terminal, api: FakeApi
) -> None:
    api.functions["hello"] = function(
        status={"conditions": [condition("Admitted", "True", "Admitted"), WAITING]}
    )
    ran = funkhaus("function", "wait", "hello")
    assert ran.code == 6
    assert funkhaus.seconds < 1
    assert (
        "Error: function hello is stored and waits for approval. cpu is a lot; it waits for an owner"
        in ran.err
    )
    assert "funkhaus approval list --state pending" in ran.err
    api.functions["hello"]["status"]["revision"] = "hello-1"
    assert "Revision hello-1 goes on serving." in funkhaus("function", "wait", "hello").err


def test_a_no_is_told_as_one(funkhaus: Terminal, api: FakeApi) -> None:
    said = condition(
        "Approved", "False", "Rejected", "fh:eve said no: too much; a change of it asks anew"
    )
    api.functions["hello"] = function(status=serving("hello") | {"conditions": [said]})
    ran = funkhaus("function", "wait", "hello")
    assert ran.code == 6
    assert "will not get ready. Not approved: fh:eve said no: too much" in ran.err
