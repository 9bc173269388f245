"""What tenants may have."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .fake_tenants import LIMITS

if TYPE_CHECKING:
    from .conftest import Terminal


def test_the_plans_and_which_need_nobodys_word(funkhaus: Terminal) -> None:
    rows = [line.split() for line in funkhaus("plan", "list").out.splitlines()]
    assert rows[1][:3] == ["large", "on", "request"]
    assert rows[2][:5] == ["small", "yes", "3", str(LIMITS["functions"]), "12"]


def test_one_plan(funkhaus: Terminal) -> None:
    out = funkhaus("plan", "show", "small").out
    assert out.startswith("Plan small (by self-service)\n")
    assert ["CPU", str(LIMITS["cpu"]), "12"] in [line.split() for line in out.splitlines()]
    assert "on request" in funkhaus("plan", "show", "large").out
    shown = json.loads(funkhaus("plan", "show", "small", "-o", "json").out)
    assert (shown["id"], shown["tenantQuota"]["cpu"]) == ("small", "12")
    ran = funkhaus("plan", "show", "ghost")
    assert (ran.code, "there is no plan ghost" in ran.err) == (3, True)
