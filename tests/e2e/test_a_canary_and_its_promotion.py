"""A new revision gets a share of the calls, and then all of them, while somebody calls without a pause."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from .house import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from .house import House, Tenant

pytestmark = pytest.mark.cluster

CALLS, SHARE, BOUND = 500, 50, 34
"""A tenth of 500 calls, and five standard deviations of that many draws at one in ten."""
PAUSE = 0.02
"""Seconds between the calls of one who doesn't stop."""


def source(folder: Path, answer: str) -> Path:
    path = folder / "word.py"
    path.write_text(f"def handler(event, context):\n    return {answer!r}\n")
    return path


def counts(house: House, tenant: Tenant, calls: int) -> Counter[str]:
    found: Counter[str] = Counter()
    for _ in range(calls):
        answer = house.call(tenant.host("word"))
        found[answer.text if answer.status_code == 200 else str(answer.status_code)] += 1
    return found


def test_a_canary_gets_its_share_and_then_all_of_it(
    house: House, tenant: Tenant, tmp_path: Path
) -> None:
    tenant.deploy("word", source(tmp_path, "old"), "--replace")
    made = tenant.cli("trigger", "http", "create", "word", "--function-name", "word")
    assert made.code == 0, made.err
    eventually("it answers", lambda: counts(house, tenant, 1) == {"old": 1})
    (old,) = [
        item["name"]
        for item in json.loads(tenant.cli("function", "history", "word", "-o", "json").out)["items"]
        if item["state"] == "serving"
    ]
    shared = tenant.cli("trigger", "http", "update", "word", "--split", f"{old}=90,current=10")
    assert shared.code == 0, shared.err
    path = source(tmp_path, "new")
    changed = tenant.cli("function", "update", "word", "--from-file", str(path), "--wait")
    assert changed.code == 0, changed.err
    eventually("both answer", lambda: counts(house, tenant, 40).keys() == {"old", "new"})
    found = counts(house, tenant, CALLS)
    assert found.keys() == {"old", "new"}, found
    assert abs(found["new"] - SHARE) <= BOUND, found
    assert f"{old} 90 %, current 10 %" in tenant.cli("trigger", "http", "describe", "word").out
    assert "pinned" in tenant.cli("function", "history", "word").out

    over, failed, made_calls = threading.Event(), list[str](), 0

    def calls() -> None:
        nonlocal made_calls
        while not over.is_set():
            answer = house.call(tenant.host("word"))
            made_calls += 1
            failed.extend([] if answer.status_code == 200 else [str(answer.status_code)])
            time.sleep(PAUSE)

    caller = threading.Thread(target=calls, daemon=True)
    caller.start()
    try:
        promoted = tenant.cli("function", "promote", "word")
        assert promoted.code == 0, promoted.out + promoted.err
        assert "gets all calls, no split any more: word" in promoted.out
        eventually("nobody else answers", lambda: counts(house, tenant, 40).keys() == {"new"})
        eventually(
            "the old one's end",
            lambda: old not in tenant.kubectl("get", "deployments", "-o", "name").out,
        )
    finally:
        over.set()
        caller.join(30)
    assert failed == [], f"of {made_calls}"
