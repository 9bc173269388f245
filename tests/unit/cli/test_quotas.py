"""What is left, and who moves it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .conftest import answers
from .fake_api import LIMITS, quota

if TYPE_CHECKING:
    from .conftest import Terminal
    from .fake_api import FakeApi


def test_both_levels_are_shown_and_who_holds_most(funkhaus: Terminal) -> None:
    out = funkhaus("quota", "show").out
    assert out.startswith("Tenant demo\n")
    assert "Namespace default\n" in out
    rows = [line.split() for line in out.splitlines()]
    assert rows.count(["CPU", "4", "0", "500m", "3500m"]) == 2
    assert ["requests/s", "100", "-", "-", "-"] in rows
    assert ["Function", "default", "hello", "0", "(+2)", "0", "(+500m)", "0", "(+256Mi)"] in rows


def test_one_namespace(funkhaus: Terminal) -> None:
    out = funkhaus("quota", "show", "-n", "default").out
    assert out.startswith("Namespace default\n")
    assert "Tenant" not in out
    assert (
        json.loads(funkhaus("quota", "show", "-n", "default", "-o", "json").out)["name"]
        == "default"
    )
    ran = funkhaus("quota", "show", "-n", "ghost")
    assert (ran.code, "has no namespace ghost" in ran.err) == (3, True)


def test_an_override_is_told(funkhaus: Terminal, api: FakeApi) -> None:
    override = {"reason": "a fair", "by": "fh:1", "expiresAt": "2026-03-04T12:00:00Z"}
    api.scripts["getQuota"] = answers(json=quota(override=override))
    assert "Tenant demo (by an admin, ends in 3d: a fair)" in funkhaus("quota", "show").out


def test_what_is_not_given_stays(funkhaus: Terminal, api: FakeApi) -> None:
    ran = funkhaus("quota", "set", "-n", "default", "--cpu", "2", "--requests-per-second", "7")
    assert ran.out.startswith("Namespace default\n")
    sent = json.loads(api.requests[-1].content)
    assert sent == LIMITS | {"cpu": "2", "requestsPerSecond": 7}
    assert funkhaus("quota", "set", "-n", "default").code == 2
    assert funkhaus("quota", "set", "-n", "ghost", "--cpu", "2").code == 3


def test_an_admin_overrides_with_a_reason(funkhaus: Terminal, api: FakeApi) -> None:
    words = ("quota", "override", "--cpu", "8", "--days", "3")
    assert funkhaus(*words).code == 2
    assert funkhaus(*words, "--reason", "a fair").code == 0
    assert json.loads(api.requests[-1].content) == LIMITS | {
        "cpu": "8",
        "reason": "a fair",
        "days": 3,
    }
    assert funkhaus("quota", "override", "--clear").out.startswith("Tenant demo\n")
    assert api.requests[-1].method == "DELETE"
