"""A bad change, and back: history, diff and rollback with calls going on."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from .house import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from .house import Tenant

pytestmark = pytest.mark.cluster


def source(folder: Path, answer: str) -> Path:
    path = folder / "word.py"
    path.write_text(f"def handler(event, context):\n    return {answer!r}\n")
    return path


def called(tenant: Tenant) -> str:
    return tenant.cli("function", "call", "word").out.strip()


def revisions(tenant: Tenant) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(
        tenant.cli("function", "history", "word", "-o", "json").out
    )["items"]
    return listed


def test_back_to_what_served_before(tenant: Tenant, tmp_path: Path) -> None:
    tenant.deploy("word", source(tmp_path, "one"))
    path = source(tmp_path, "two")
    changed = tenant.cli("function", "update", "word", "--from-file", str(path), "--wait")
    assert changed.code == 0, changed.err
    eventually("the new one answers", lambda: called(tenant) == "two")
    eventually(
        "history has both",
        lambda: [item["state"] for item in revisions(tenant)] == ["serving", "kept"],
    )
    assert revisions(tenant)[0]["changes"] == ["source: word.py"]
    assert revisions(tenant)[0]["author"]["id"].startswith("fh:")
    diff = tenant.cli("function", "diff", "word").out
    assert "-    return 'one'" in diff
    assert "+    return 'two'" in diff

    began = time.monotonic()
    back = tenant.cli("function", "rollback", "word")
    assert back.code == 0, back.out + back.err
    eventually("the old one answers", lambda: called(tenant) == "one")
    seconds = time.monotonic() - began
    print(f"rollback to traffic: {seconds:.1f} s")  # noqa: T201 - measured, for the log
    assert [item["state"] for item in revisions(tenant)] == ["kept", "serving"]


def test_a_change_that_fails_is_taken_back(tenant: Tenant, tmp_path: Path) -> None:
    tenant.deploy("word", source(tmp_path, "fine"), "--replace")
    broken = tmp_path / "word.py"
    broken.write_text("import no_such_module\n\ndef handler(event, context):\n    return 'x'\n")
    tenant.cli("function", "update", "word", "--from-file", str(broken))
    eventually("it fails", lambda: revisions(tenant)[0]["state"] == "failed")
    assert called(tenant) == "fine"
    back = tenant.cli("function", "rollback", "word")
    assert back.code == 0, back.out + back.err
    assert called(tenant) == "fine"
    described = tenant.cli("function", "describe", "word").out
    assert "waits" not in described


def test_todays_rules_hold_for_yesterdays_revision(tenant: Tenant, tmp_path: Path) -> None:
    tenant.deploy("word", source(tmp_path, "one"), "--replace")
    asked = tenant.house.rest(
        tenant.token,
        "POST",
        f"/v1/tenants/{tenant.id}/namespaces/default/functions/word/rollback",
        json={"revision": "no-such-one"},
    )
    assert asked.status_code == 404
    assert "word-" in asked.json()["detail"], "it says what there is"
