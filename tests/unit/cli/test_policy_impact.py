"""`funkhaus policy impact`: what it sends, what it shows, and what CI reads off its exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Terminal

FINDING = {
    "code": "timeout-above-ceiling",
    "outcome": "deny",
    "message": "is above the plan small's ceiling of 30 s; 30 passes",
    "path": "spec.timeout",
    "limit": 30,
    "value": 60,
}


def change(effect: str, name: str, **facts: Any) -> dict[str, Any]:
    return {
        "effect": effect,
        "tenant": "demo",
        "namespace": "default",
        "kind": "Function",
        "name": name,
        "requests": 2,
        "live": True,
        "last": "2026-01-01T00:00:00+00:00",
        "before": "allow",
        "after": "deny",
        "findings": [FINDING],
        **facts,
    }


def report(*items: dict[str, Any], **facts: Any) -> dict[str, Any]:
    counts = {
        effect: {"requests": 0, "live": 0} for effect in ("denied", "held", "warned", "freed")
    }
    for item in items:
        counts[item["effect"]]["requests"] += item["requests"]
        counts[item["effect"]]["live"] += item["live"]
    return {
        "revision": f"sha256:{'ab' * 32}",
        "active": f"sha256:{'cd' * 32}",
        "since": "2025-12-25T00:00:00+00:00",
        "replayed": 40,
        "judged": 3,
        "unread": 0,
        "more": False,
        "refuses": any(item["effect"] in {"denied", "held"} for item in items),
        "counts": counts,
        "changes": list(items),
        "cut": 0,
        **facts,
    }


class Rules:
    """The API's part."""

    def __init__(self, document: Any, status: int = 200) -> None:
        self.document, self.status = document, status
        self.asked: list[tuple[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/policy/impact"
        self.asked.append((request.url.params["since"], json.loads(request.content)))
        return httpx.Response(self.status, json=self.document)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {
        "funkhaus/admission/cpu/cpu.rego": "package funkhaus.admission.cpu\n",
        "data/plans.yaml": "plans: {}\n",
        "system/authz/authz.rego": "package system.authz\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_what_would_be_refused_ends_with_one(funkhaus: Terminal, folder: Path) -> None:
    funkhaus.network = rules = Rules(
        report(change("denied", "slow"), change("warned", "old"), cut=3)
    )
    done = funkhaus("policy", "impact", str(folder))
    assert done.code == 1, done.err
    ((since, body),) = rules.asked
    assert since == "7d"
    assert sorted(body["files"]) == ["data/plans.yaml", "funkhaus/admission/cpu/cpu.rego"]
    lines = done.out.splitlines()
    assert lines[1].split()[:4] == ["denied", "demo", "Function", "default/slow"]
    assert "spec.timeout: is above the plan small's ceiling" in lines[1]
    assert "newly denied: 2 requests, 1 living objects (3 more objects not listed)" in done.out
    assert "newly warned: 2 requests, 1 living objects\n" in done.out
    assert "Looked at 40 requests since 2025-12-25T00:00 and 3 living objects" in done.out


def test_what_is_warned_or_freed_ends_with_nought(funkhaus: Terminal, folder: Path) -> None:
    funkhaus.network = Rules(report(change("freed", "big")))
    assert funkhaus("policy", "impact", str(folder)).code == 0
    funkhaus.network = rules = Rules(report())
    done = funkhaus("policy", "impact", str(folder), "--since", "12h")
    assert done.code == 0
    assert "Nothing would change." in done.out
    assert rules.asked[0][0] == "12h"


def test_a_script_gets_the_report_whole(funkhaus: Terminal, folder: Path) -> None:
    document = report(change("held", "slow"))
    funkhaus.network = Rules(document)
    done = funkhaus("policy", "impact", str(folder), "-o", "json")
    assert done.code == 1
    assert json.loads(done.out) == document


PROBLEM = {
    "type": "/problems/invalid",
    "title": "Invalid",
    "status": 422,
    "detail": "the set is not fit",
    "code": "invalid",
    "requestId": "0" * 32,
    "findings": [{"code": "policy-test-fails", "outcome": "deny", "message": "the test fails: x"}],
}


def test_what_can_t_be_said_ends_with_two(funkhaus: Terminal, folder: Path) -> None:
    funkhaus.network = Rules(PROBLEM, 422)
    done = funkhaus("policy", "impact", str(folder))
    assert done.code == 2
    assert "the test fails: x" in done.err
    funkhaus.network = Rules(report(more=True))
    assert funkhaus("policy", "impact", str(folder)).code == 2
    funkhaus.network = Rules(report(change("denied", "slow"), more=True))
    assert funkhaus("policy", "impact", str(folder)).code == 1, "something is said already"
