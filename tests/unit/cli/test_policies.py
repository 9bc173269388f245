"""`funkhaus policy list|rollback`. What needs `opa` is in tests/integration/test_policy_check.py."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from .conftest import Terminal

NEW, OLD = f"sha256:{'ab' * 32}", f"sha256:{'cd' * 32}"


def item(sequence: int, revision: str, by: str = "fh:1", reason: str = "because") -> dict[str, Any]:
    return {
        "sequence": sequence,
        "revision": revision,
        "at": "2026-01-01T00:00:00+00:00",
        "by": by,
        "byTheHouse": by == "house",
        "reason": reason,
    }


class Rules:
    """The API's part."""

    def __init__(self) -> None:
        self.posted: list[Any] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/policy/active":
            return httpx.Response(200, json=item(2, NEW), headers={"ETag": '"seen"'})
        assert request.url.path == "/v1/policy/activations"
        if request.method == "GET":
            items = [item(2, NEW), item(1, OLD, "house", "comes with the release")]
            return httpx.Response(200, json={"items": items, "next": ""})
        assert request.headers["If-Match"] == '"seen"'
        self.posted.append(json.loads(request.content))
        return httpx.Response(201, json=item(3, OLD))


def test_the_list_says_who_and_why(funkhaus: Terminal) -> None:
    funkhaus.network = Rules()
    done = funkhaus("policy", "list")
    assert done.code == 0
    first, second = done.out.splitlines()[1:]
    assert first.split()[:2] == ["2", NEW[:19]]
    assert second.endswith("comes with the release")
    assert NEW in funkhaus("policy", "list", "-o", "wide").out
    assert funkhaus("policy", "list", "-o", "name").out.split() == [NEW, OLD]


def test_back_to_the_one_before(funkhaus: Terminal) -> None:
    funkhaus.network = rules = Rules()
    done = funkhaus("policy", "rollback", "--reason", "too strict")
    assert done.code == 0
    assert rules.posted == [{"revision": "previous", "reason": "too strict"}]
    assert done.out == f"Policy revision {OLD[:19]} is in force again (number 3).\n"


def test_back_to_one_by_its_beginning(funkhaus: Terminal) -> None:
    funkhaus.network = rules = Rules()
    for beginning in ("cd", "sha256:cdc", OLD):
        assert funkhaus("policy", "rollback", beginning, "--reason", "x").code == 0
    assert [posted["revision"] for posted in rules.posted] == [OLD] * 3
    for unclear in ("sha256:", "ef", "previously"):
        done = funkhaus("policy", "rollback", unclear, "--reason", "x")
        assert done.code == 3
        assert "policy list" in done.err
    assert len(rules.posted) == 3


def test_a_reason_is_required(funkhaus: Terminal) -> None:
    assert funkhaus("policy", "rollback").code == 2
    assert "--reason" in funkhaus("policy", "rollback").err
