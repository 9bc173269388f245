"""Asking for a tenant, and deciding on it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import Terminal
    from .fake_api import FakeApi


def test_asking_for_a_tenant(funkhaus: Terminal, api: FakeApi) -> None:
    words = ("tenant", "request", "acme", "--plan", "large")
    ran = funkhaus(*words, "--reason", "the fair")
    assert ran.out.startswith("Asked for tenant acme with plan large: request tr1.\n")
    assert json.loads(api.requests[-1].content) == {
        "id": "acme", "plan": "large", "displayName": "", "reason": "the fair",
    }  # fmt: skip
    assert funkhaus(*words).code == 2
    assert funkhaus(*words, "--reason", "x", "-o", "name").out == "tr1\n"


def test_own_requests_and_what_waits(funkhaus: Terminal) -> None:
    own = [line.split() for line in funkhaus("tenant", "requests").out.splitlines()]
    assert own[1] == ["tr1", "acme", "large", "rejected", "0s", "the", "fair", "too", "large"]
    rows = [line.split() for line in funkhaus("tenant", "requests", "--waiting").out.splitlines()]
    assert [row[4] for row in rows[1:]] == ["ada@example.com", "Ada"]


def test_deciding_and_taking_back(funkhaus: Terminal, api: FakeApi) -> None:
    ran = funkhaus("tenant", "approve", "tr1", "--note", "fine")
    assert ran.out == "Request tr1 for tenant acme is approved.\n"
    assert json.loads(api.requests[-1].content) == {"note": "fine"}
    assert funkhaus("tenant", "reject", "tr1").out == "Request tr1 for tenant acme is rejected.\n"
    assert funkhaus("tenant", "withdraw", "tr1").out == "Request tr1 is withdrawn.\n"
