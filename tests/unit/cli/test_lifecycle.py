"""A tenant rests, works again, goes and is taken back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .fake_tenants import tenant

if TYPE_CHECKING:
    from .conftest import Terminal
    from .fake_api import FakeApi


@pytest.fixture
def acme(api: FakeApi) -> FakeApi:
    api.tenants["acme"] = tenant("acme")
    return api


def test_suspending_needs_a_reason_that_is_shown(funkhaus: Terminal, acme: FakeApi) -> None:
    assert "--reason" in funkhaus("tenant", "suspend", "acme").err
    ran = funkhaus("tenant", "suspend", "acme", "--reason", "invoice 17")
    assert (ran.code, ran.out.startswith("Suspended tenant acme")) == (0, True)
    assert list(acme.asked("PUT")) == [
        ("PUT", "/v1/tenants/acme/suspension", {"reason": "invoice 17"})
    ]
    wide = funkhaus("tenant", "get", "acme", "-o", "wide").out
    assert "suspended by ada: invoice 17" in wide
    assert funkhaus("tenant", "resume", "acme").out == "Resumed tenant acme.\n"
    assert "active" in funkhaus("tenant", "list").out


def test_deleting_wants_the_id_or_a_yes(funkhaus: Terminal, acme: FakeApi) -> None:
    ran = funkhaus("tenant", "delete", "acme")
    assert ran.code == 2
    assert "Nobody is there to type 'acme'; --yes says so" in ran.err
    assert list(acme.asked("DELETE")) == []
    said = funkhaus("tenant", "delete", "acme", "--yes").out
    assert "gone after 2026-03-31T12:00:00Z; `funkhaus tenant undelete acme`" in said
    assert funkhaus("tenant", "undelete", "acme").out == "Tenant acme stays.\n"


def test_the_grace_is_shortened_with_a_reason(funkhaus: Terminal, acme: FakeApi) -> None:
    flags = ("--grace-days", "0", "--reason", "a test", "--yes", "-o", "json")
    document = json.loads(funkhaus("tenant", "delete", "acme", *flags).out)
    assert document["deletion"]["reason"] == "a test"
    sent = [request.url for request in acme.requests if request.method == "DELETE"]
    assert [dict(url.params) for url in sent] == [{"graceDays": "0", "reason": "a test"}]


@pytest.mark.usefixtures("acme")
def test_what_stays_in_force_is_said(funkhaus: Terminal) -> None:
    funkhaus("tenant", "suspend", "acme", "--reason", "invoice 17")
    funkhaus("tenant", "delete", "acme", "--yes")
    assert "still suspended" in funkhaus("tenant", "undelete", "acme").out
    funkhaus("tenant", "delete", "acme", "--yes")
    assert "still being deleted" in funkhaus("tenant", "resume", "acme").out
