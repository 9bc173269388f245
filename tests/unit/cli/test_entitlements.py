"""Plans and host suffixes of tenants, from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .fake_tenants import tenant

if TYPE_CHECKING:
    from .conftest import Terminal
    from .fake_api import FakeApi


def test_another_plan_with_a_reason(funkhaus: Terminal, api: FakeApi) -> None:
    api.tenants["acme"] = tenant("acme")
    assert "--reason" in funkhaus("tenant", "set-plan", "acme", "medium").err
    ran = funkhaus("tenant", "set-plan", "acme", "medium", "--reason", "contract 17")
    assert ran.out == "Tenant acme has plan medium now; before it had small.\n"
    assert list(api.asked("PUT")) == [
        ("PUT", "/v1/tenants/acme/plan", {"plan": "medium", "reason": "contract 17"})
    ]


def test_suffixes_come_and_go(funkhaus: Terminal, api: FakeApi) -> None:
    ran = funkhaus("host-suffix", "grant", "fair.example", "--tenant", "demo")
    assert ran.out == "Tenant demo may have hosts below demo.apps.example, fair.example.\n"
    listed = funkhaus("host-suffix", "list", "--tenant", "demo").out
    assert [line.split() for line in listed.splitlines()] == [
        ["SUFFIX", "BY"], ["demo.apps.example", "default"], ["fair.example", "grant"],
    ]  # fmt: skip
    ran = funkhaus("host-suffix", "withdraw", "fair.example", "--tenant", "demo")
    assert ran.out == "Tenant demo may have hosts below demo.apps.example.\n"
    assert list(api.asked("DELETE")) == [
        ("DELETE", "/v1/tenants/demo/host-suffixes/fair.example", None)
    ]
