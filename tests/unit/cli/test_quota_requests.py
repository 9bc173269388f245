"""Asking for more, and deciding on it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import Terminal
    from .fake_api import FakeApi


def test_asking_for_more(funkhaus: Terminal, api: FakeApi) -> None:
    words = ("quota", "request", "-n", "shop", "--cpu", "2", "--replicas", "5", "--days", "7")
    ran = funkhaus(*words, "--reason", "the fair")
    assert ran.out.startswith("Asked for replicas 5, cpu 2 for 7 days: request rq1.\n")
    assert json.loads(api.requests[-1].content) == {
        "extra": {"cpu": "2", "replicas": 5}, "namespace": "shop", "reason": "the fair", "days": 7,
    }  # fmt: skip
    assert funkhaus(*words).code == 2
    assert funkhaus("quota", "request", "--reason", "x").code == 2
    ran = funkhaus("quota", "request", "--namespaces", "1", "--tokens", "5", "--reason", "x")
    assert ran.out.startswith("Asked for namespaces 1, tokens 5 for 30 days: request rq1.\n")
    sent = json.loads(api.requests[-1].content)
    assert (sent["extra"], sent["namespace"]) == ({"namespaces": 1, "tokens": 5}, "")


def test_requests_and_what_waits(funkhaus: Terminal) -> None:
    rows = [line.split() for line in funkhaus("quota", "requests").out.splitlines()]
    assert rows[1] == ["rq1", "pending", "cpu", "2", "default", "0s", "-", "the", "fair"]
    assert "acme" in funkhaus("quota", "requests", "--waiting").out
    assert funkhaus("quota", "requests", "-o", "name").out == "rq1\n"


def test_deciding_and_giving_back(funkhaus: Terminal, api: FakeApi) -> None:
    ran = funkhaus("quota", "approve", "rq1", "--note", "fine")
    assert ran.out == "Request rq1 of tenant demo is approved.\n"
    assert json.loads(api.requests[-1].content) == {"note": "fine"}
    assert funkhaus("quota", "reject", "rq1").out == "Request rq1 of tenant demo is rejected.\n"
    assert funkhaus("quota", "return", "rq1").out == "Request rq1 is returned.\n"
